import type { certificatesV1 as generated } from '../../schema/generated/index.ts';
import type { Unchecked } from './unchecked.ts';

export type CertificateSigningRequest = Unchecked<generated.CertificateSigningRequest>;
export type CertificateSigningRequestCondition = Unchecked<generated.CertificateSigningRequestCondition>;
