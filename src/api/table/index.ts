export { columnDefinitions, type IncludeObject, parseIncludeObject, tableRow } from './table.ts';
