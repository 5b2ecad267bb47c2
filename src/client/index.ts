/** The resources that components speak of. How they speak of them: types.ts. */
export * from './refs.ts';
