export { compileSelection, exactName, type Predicate, type Selection } from './selection.ts';
