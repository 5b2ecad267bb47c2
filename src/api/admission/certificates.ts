/** Who may approve and sign certificate requests, and which subjects a client certificate may never have. */
import { isDeepStrictEqual } from 'node:util';
import type { CertificateSigningRequest } from '../../schema/generated/index.ts';
import type { AdmissionPlugin, AdmissionRequest, Authorizer } from '../types.ts';
import { forbidden, isResource, on } from './request.ts';

const group = 'certificates.k8s.io';
const clientSigner = 'kubernetes.io/kube-apiserver-client';
const superusers = 'system:masters';

const isSubresource = ({ definition, subresource }: AdmissionRequest, name: string): boolean =>
  subresource === name && definition.group === group && definition.resource === 'certificatesigningrequests';

/** The verb is checked on the signer's name, then on all signers of its domain. */
function maySign({ user }: AdmissionRequest, authorizer: Authorizer, verb: string, signer: string): boolean {
  const domain = signer.split('/', 1)[0] ?? '';
  const may = (name: string) => authorizer.authorize({ user, verb, group, version: '*', resource: 'signers', name });
  return may(signer).allowed || may(`${domain}/*`).allowed;
}

export function certificateApproval(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: 'CertificateApproval',
    handles: on('UPDATE'),
    validate(request) {
      if (!isSubresource(request, 'approval')) return;
      const signer = (request.oldObject as CertificateSigningRequest).spec?.signerName ?? '';
      if (maySign(request, authorizer, 'approve', signer)) return;
      throw forbidden(request, `user not permitted to approve requests with signerName ${JSON.stringify(signer)}`);
    },
  };
}

export function certificateSigning(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: 'CertificateSigning',
    handles: on('UPDATE'),
    validate(request) {
      if (!isSubresource(request, 'status')) return;
      const next = request.object as CertificateSigningRequest;
      const previous = request.oldObject as CertificateSigningRequest;
      const signed = ({ status }: CertificateSigningRequest) => [status?.certificate, status?.conditions ?? []];
      if (isDeepStrictEqual(signed(next), signed(previous))) return;
      const signer = previous.spec?.signerName ?? '';
      if (maySign(request, authorizer, 'sign', signer)) return;
      throw forbidden(request, `user not permitted to sign requests with signerName ${JSON.stringify(signer)}`);
    },
  };
}

export const certificateSubjectRestriction: AdmissionPlugin = {
  name: 'CertificateSubjectRestriction',
  handles: on('CREATE'),
  async validate(request) {
    if (!isResource(request, group, 'certificatesigningrequests')) return;
    const { spec } = request.object as CertificateSigningRequest;
    if (spec?.signerName !== clientSigner) return;
    const organizations = await organizationsOf(spec.request ?? '').catch((error: Error) => {
      throw forbidden(request, `failed to parse CSR: ${error.message}`);
    });
    if (organizations.includes(superusers))
      throw forbidden(request, `use of ${clientSigner} signer with ${superusers} group is not allowed`);
  },
};

/** `encoded` is the base64 of a PEM CERTIFICATE REQUEST. The parser is loaded when first needed. */
async function organizationsOf(encoded: string): Promise<readonly string[]> {
  const { Pkcs10CertificateRequest } = await import('./certificate-library.ts');
  const pem = Buffer.from(encoded, 'base64').toString('latin1');
  return new Pkcs10CertificateRequest(pem).subjectName.getField('O');
}
