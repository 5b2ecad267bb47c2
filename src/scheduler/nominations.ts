import { onNode, type PlacedPod, type PodInfo } from './pod-info.ts';

/** Pods for which room was made on a node, and which have not come yet. */
export class Nominations {
  readonly #byNode = new Map<string, Map<string, PlacedPod>>();
  readonly #nodeOf = new Map<string, string>();

  /** Takes note of the node that the pod names, or of none. */
  set(pod: PodInfo): void {
    this.delete(pod.uid);
    if (!pod.nominatedNode) return;
    this.#nodeOf.set(pod.uid, pod.nominatedNode);
    let pods = this.#byNode.get(pod.nominatedNode);
    if (!pods) {
      pods = new Map();
      this.#byNode.set(pod.nominatedNode, pods);
    }
    pods.set(pod.uid, onNode(pod, pod.nominatedNode));
  }

  delete(uid: string): void {
    const node = this.#nodeOf.get(uid);
    if (node === undefined) return;
    this.#nodeOf.delete(uid);
    const pods = this.#byNode.get(node);
    pods?.delete(uid);
    if (pods?.size === 0) this.#byNode.delete(node);
  }

  nodes(): Iterable<string> {
    return this.#byNode.keys();
  }

  /** Those that `pod` has to leave room for. */
  before(node: string, pod: PodInfo): PlacedPod[] {
    return this.#on(node).filter(({ priority, uid }) => priority >= pod.priority && uid !== pod.uid);
  }

  /** Those that `pod` takes the place of. */
  after(node: string, pod: PodInfo): PlacedPod[] {
    return this.#on(node).filter(({ priority }) => priority < pod.priority);
  }

  #on(node: string): PlacedPod[] {
    return [...(this.#byNode.get(node)?.values() ?? [])];
  }
}
