/** A kernel in memory that takes nft's commands and refuses what the real one refuses. For tests. */
import type { SetName } from './ruleset.ts';

/** Takes all steps at once. */
export function finished<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

interface SimulatedSet {
  isMap: boolean;
  elements: Map<string, string>;
}

export class SimulatedKernel {
  sets = new Map<string, SimulatedSet>();
  chains = new Map<string, string[]>();
  transactions: (readonly string[])[] = [];
  /** Throws to make a transaction fail. */
  intercept: () => void = () => {};

  async apply(commands: readonly string[]): Promise<void> {
    this.intercept();
    this.transactions.push(commands);
    for (const command of commands) this.#run(command);
    this.#checkReferences();
  }

  async applyAll(commands: readonly string[]): Promise<void> {
    await this.apply(commands);
  }

  elements(set: SetName): Map<string, string> {
    return this.sets.get(set)?.elements ?? new Map();
  }

  #run(command: string): void {
    const [, verb = '', kind = '', rest = ''] = /^(\w+) (\w+) ip nanoshift ?(.*)$/.exec(command) ?? [];
    const [, name = '', body = ''] = /^(\S+) ?(.*)$/.exec(rest) ?? [];
    const refuse = (why: string): never => {
      throw new Error(`${why}: ${command}`);
    };
    switch (`${verb} ${kind}`) {
      case 'add table':
        break;
      case 'delete table':
        this.sets.clear();
        this.chains.clear();
        break;
      case 'add set':
      case 'add map':
        if (!this.sets.has(name)) this.sets.set(name, { isMap: kind === 'map', elements: new Map() });
        break;
      case 'delete set':
        if (!this.sets.delete(name)) refuse('no such set');
        break;
      case 'add chain':
        if (!this.chains.has(name)) this.chains.set(name, []);
        break;
      case 'flush chain':
        (this.chains.get(name) ?? refuse('no such chain')).length = 0;
        break;
      case 'delete chain':
        if (!this.chains.delete(name)) refuse('no such chain');
        break;
      case 'add rule':
        (this.chains.get(name) ?? refuse('no such chain')).push(body);
        break;
      case 'add element':
      case 'delete element':
        this.#element(verb, this.sets.get(name) ?? refuse('no such set'), body, refuse);
        break;
      default:
        refuse('unknown command');
    }
  }

  #element(verb: string, set: SimulatedSet, body: string, refuse: (why: string) => never): void {
    for (const item of body.slice(2, -2).split(', ')) {
      const [key = '', value = ''] = item.split(' : ');
      if (verb === 'delete') {
        if (!set.elements.delete(key)) refuse('no such element');
      } else {
        if (set.isMap !== (value !== '')) refuse('a map has values, a set has none');
        if ((set.elements.get(key) ?? value) !== value) refuse('element exists');
        set.elements.set(key, value);
      }
    }
  }

  #checkReferences(): void {
    const texts = [...this.chains.values()]
      .flat()
      .concat([...this.sets.values()].flatMap(({ elements }) => [...elements.values()]));
    for (const text of texts) {
      for (const [, target = ''] of text.matchAll(/(?:goto|jump) (\S+)/g)) {
        if (!this.chains.has(target)) throw new Error(`no chain ${target}, which is referred to`);
      }
      for (const [, set = ''] of text.matchAll(/@(\S+)/g)) {
        if (!this.sets.has(set)) throw new Error(`no set ${set}, which is referred to`);
      }
    }
  }
}
