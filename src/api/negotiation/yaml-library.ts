/** What the YAML code uses of its library, as a module of its own: a bundler gives named exports only to such a one. */
export { Document, parseDocument } from 'yaml';
