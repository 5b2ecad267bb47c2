export { type Follower, type FollowOptions, type Following, follow } from '../../client/index.ts';
