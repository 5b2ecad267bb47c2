import type { networkingV1 as generated } from '../../schema/generated/index.ts';
import type { Unchecked } from './unchecked.ts';

export type HTTPIngressPath = Unchecked<generated.HTTPIngressPath>;
export type IPAddress = Unchecked<generated.IPAddress>;
export type IPBlock = Unchecked<generated.IPBlock>;
export type Ingress = Unchecked<generated.Ingress>;
export type IngressBackend = Unchecked<generated.IngressBackend>;
export type IngressClass = Unchecked<generated.IngressClass>;
export type IngressClassParametersReference = Unchecked<generated.IngressClassParametersReference>;
export type IngressRule = Unchecked<generated.IngressRule>;
export type IngressSpec = Unchecked<generated.IngressSpec>;
export type NetworkPolicy = Unchecked<generated.NetworkPolicy>;
export type NetworkPolicyPeer = Unchecked<generated.NetworkPolicyPeer>;
export type NetworkPolicyPort = Unchecked<generated.NetworkPolicyPort>;
export type ServiceCIDR = Unchecked<generated.ServiceCIDR>;
