/** Pods from files in a folder. */
export { type StaticPodsOptions, startStaticPods } from './watch.ts';
