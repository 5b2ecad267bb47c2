export { InProcessClient } from './client.ts';
