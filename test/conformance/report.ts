import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One of upstream's conformance specs (specs.tsv). */
export interface Spec {
  sig: string;
  area: string;
  /** `nodeless`: passes with no kubelet and nothing of later issues; `nodeless-later`: needs a later issue; `pods`: in reach with real pods; '': needs a later issue and pods. */
  stage: 'nodeless' | 'nodeless-later' | 'pods' | '';
  seconds: number;
  codename: string;
}

export interface SpecResult {
  spec: Spec;
  passed: boolean;
  /** First line of the failure; '' when it passed. */
  cause: string;
  seconds: number;
}

export function loadSpecs(): Spec[] {
  const lines = readFileSync(join(import.meta.dirname, 'specs.tsv'), 'utf8')
    .trimEnd()
    .split('\n')
    .slice(1);
  return lines.map((line) => {
    const [sig = '', area = '', stage = '', seconds = '', codename = ''] = line.split('\t');
    return { sig, area, stage: stage as Spec['stage'], seconds: Number(seconds || 0), codename };
  });
}

interface GinkgoReport {
  SpecReports: {
    ContainerHierarchyTexts: string[] | null;
    LeafNodeText: string;
    LeafNodeType: string;
    State: string;
    RunTime: number;
    Failure?: { Message: string };
  }[];
}

/** Reads a ginkgo JSON report. A suite-level failure (setup) counts against every spec that did not run. */
export function readReport(text: string, specs: readonly Spec[]): SpecResult[] {
  const reports = (JSON.parse(text) as GinkgoReport[]).flatMap((report) => report.SpecReports);
  const setup = reports.find((report) => report.LeafNodeType !== 'It' && report.State === 'failed');
  const byName = new Map(
    reports
      .filter((report) => report.LeafNodeType === 'It' && report.State !== 'skipped')
      .map((report) => [[...(report.ContainerHierarchyTexts ?? []), report.LeafNodeText].join(' '), report]),
  );
  return specs.map((spec) => {
    const report = byName.get(spec.codename);
    if (!report) return { spec, passed: false, cause: firstLine(setup?.Failure?.Message) || 'did not run', seconds: 0 };
    const passed = report.State === 'passed';
    return {
      spec,
      passed,
      cause: passed ? '' : firstLine(report.Failure?.Message) || report.State,
      seconds: report.RunTime / 1e9,
    };
  });
}

function firstLine(text: string | undefined): string {
  const lines = (text ?? '').split('\n').map((line) => line.trim());
  return lines
    .filter((line) => line !== '')
    .slice(0, 3)
    .join(' ')
    .slice(0, 300);
}

/** The block of docs/conformance.md that a run rewrites. */
export function renderResults(results: readonly SpecResult[], title: string, total: number): string {
  const passed = results.filter((result) => result.passed).length;
  const sigs = [...new Set(results.map((result) => result.spec.sig))].sort();
  const rows = sigs.map((sig) => {
    const own = results.filter((result) => result.spec.sig === sig);
    return `| ${sig} | ${own.filter((result) => result.passed).length} | ${own.length} |`;
  });
  const failures = results
    .filter((result) => !result.passed)
    .map((result) => `- \`${result.spec.codename}\`: ${result.cause.replaceAll('|', '\\|')}`);
  return [
    `### ${title}`,
    '',
    `**${passed} of ${total}** conformance specs pass (${results.length} were run).`,
    '',
    '| SIG | passed | run |',
    '|---|---|---|',
    ...rows,
    '',
    failures.length > 0 ? 'Failing:' : 'None failed.',
    '',
    ...failures,
    ...(failures.length > 0 ? [''] : []),
  ].join('\n');
}

/** Replaces the text between the markers of one section. */
export function replaceSection(document: string, section: string, text: string): string {
  const begin = `<!-- begin ${section} -->`;
  const end = `<!-- end ${section} -->`;
  const from = document.indexOf(begin);
  const to = document.indexOf(end);
  if (from < 0 || to < from) throw new Error(`docs/conformance.md has no section ${section}`);
  return `${document.slice(0, from + begin.length)}\n${text}\n${document.slice(to)}`;
}

export function junit(results: readonly SpecResult[]): string {
  const attribute = (text: string): string =>
    text.replace(/[<>&"]/g, (c) => ({ '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;' })[c] as string);
  const cases = results.map((result) => {
    const head = `<testcase classname="${result.spec.sig}" name="${attribute(result.spec.codename)}" time="${result.seconds.toFixed(1)}"`;
    return result.passed ? `${head}/>` : `${head}><failure message="${attribute(result.cause)}"/></testcase>`;
  });
  const failed = results.filter((result) => !result.passed).length;
  return `<testsuite name="conformance" tests="${results.length}" failures="${failed}">\n${cases.join('\n')}\n</testsuite>\n`;
}
