/** What admission uses of its library, as a module of its own: a bundler gives named exports only to such a one. */
import 'reflect-metadata';
export { Pkcs10CertificateRequest } from '@peculiar/x509';
