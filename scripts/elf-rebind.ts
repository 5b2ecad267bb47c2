/**
 * Rebinds the imports of a shared object that a newer glibc gave a new name to the names that older ones have.
 * Format: System V ABI (ELF-64), Linux Standard Base (symbol versioning). Nothing changes size or moves.
 */

export interface RebindRule {
  library: string;
  /** Version to get rid of: `GLIBC_2.38`. */
  from: string;
  /** Version that every glibc of this architecture has: `GLIBC_2.2.5` on x64, `GLIBC_2.17` on arm64. */
  to: string;
  /** Prefix that the new names carry: `__isoc23_`. The classic name is what follows it. */
  prefix: string;
}

/** The rebound copy and the classic names that it imports now. Throws when the file is not as the rule expects. */
export function rebind(elf: Uint8Array, rule: RebindRule): { bytes: Uint8Array; symbols: string[] } {
  const bytes = new Uint8Array(elf); // a copy, which `slice` of a Buffer is not
  const view = new DataView(bytes.buffer);
  const sections = readSections(view);
  const dynsym = findSection(sections, sectionType.dynsym);
  const versym = findSection(sections, sectionType.versym);
  const strings = sections[dynsym.link];
  if (!strings) throw new Error('no string table of dynamic symbols');
  const nameAt = (index: number): string => readString(bytes, strings.offset + index);

  const versions = readNeededVersions(view, findSection(sections, sectionType.verneed), nameAt, rule.library);
  const bad = versions.find((version) => version.name === rule.from);
  const good = versions.find((version) => version.name === rule.to);
  if (!bad || !good) throw new Error(`${rule.library} is not needed in both ${rule.from} and ${rule.to}`);

  const symbols: string[] = [];
  for (let i = 0; i < dynsym.size / symbolSize; i++) {
    const versionAt = versym.offset + 2 * i;
    if ((view.getUint16(versionAt, true) & ~hiddenVersion) !== bad.index) continue;
    const symbolAt = dynsym.offset + symbolSize * i;
    const nameIndex = view.getUint32(symbolAt, true);
    const name = nameAt(nameIndex);
    if (!name.startsWith(rule.prefix)) throw new Error(`${name}@${rule.from} has no classic name`);
    view.setUint32(symbolAt, nameIndex + rule.prefix.length, true);
    view.setUint16(versionAt, good.index, true);
    symbols.push(name.slice(rule.prefix.length));
  }

  // The loader checks every needed version, used or not: make the unused one a second mention of the good one.
  view.setUint32(bad.at, good.hash, true);
  view.setUint32(bad.at + 8, good.nameIndex, true);
  return { bytes, symbols };
}

const sectionType = { dynsym: 11, verneed: 0x6ffffffe, versym: 0x6fffffff } as const;
const symbolSize = 24;
const hiddenVersion = 0x8000;

interface Section {
  type: number;
  offset: number;
  size: number;
  link: number;
  info: number;
}

function readSections(view: DataView): Section[] {
  const [magic, elf64, littleEndian] = [0x7f454c46, 2, 1];
  if (view.getUint32(0) !== magic || view.getUint8(4) !== elf64 || view.getUint8(5) !== littleEndian) {
    throw new Error('not a little-endian ELF-64 file');
  }
  const start = Number(view.getBigUint64(0x28, true));
  const entrySize = view.getUint16(0x3a, true);
  return Array.from({ length: view.getUint16(0x3c, true) }, (_, i) => {
    const at = start + i * entrySize;
    return {
      type: view.getUint32(at + 4, true),
      offset: Number(view.getBigUint64(at + 24, true)),
      size: Number(view.getBigUint64(at + 32, true)),
      link: view.getUint32(at + 40, true),
      info: view.getUint32(at + 44, true),
    };
  });
}

function findSection(sections: readonly Section[], type: number): Section {
  const found = sections.find((section) => section.type === type);
  if (!found) throw new Error(`no section of type 0x${type.toString(16)}`);
  return found;
}

interface NeededVersion {
  at: number;
  hash: number;
  index: number;
  nameIndex: number;
  name: string;
}

function readNeededVersions(
  view: DataView,
  verneed: Section,
  nameAt: (index: number) => string,
  library: string,
): NeededVersion[] {
  const versions: NeededVersion[] = [];
  let fileAt = verneed.offset;
  for (let file = 0; file < verneed.info; file++) {
    const isLibrary = nameAt(view.getUint32(fileAt + 4, true)) === library;
    let at = fileAt + view.getUint32(fileAt + 8, true);
    for (let i = 0; isLibrary && i < view.getUint16(fileAt + 2, true); i++) {
      const nameIndex = view.getUint32(at + 8, true);
      versions.push({
        at,
        hash: view.getUint32(at, true),
        index: view.getUint16(at + 6, true),
        nameIndex,
        name: nameAt(nameIndex),
      });
      at += view.getUint32(at + 12, true);
    }
    fileAt += view.getUint32(fileAt + 12, true);
  }
  return versions;
}

function readString(bytes: Uint8Array, at: number): string {
  return Buffer.from(bytes.buffer, at, bytes.indexOf(0, at) - at).toString('latin1');
}
