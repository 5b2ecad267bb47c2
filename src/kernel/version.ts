/** What the program says of itself: `nanoshift version`, GET /version. */
export const versionInfo = {
  program: '0.1.0',
  /** meta version.Info as GET /version answers it. The API is Kubernetes 1.36's; goVersion and compiler name what really runs. */
  kubernetes: {
    major: '1',
    minor: '36',
    gitVersion: 'v1.36.2+nanoshift-0.1.0',
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '2026-11-23T00:00:00Z',
    goVersion: `node${process.versions.node}`,
    compiler: 'v8',
    platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  },
} as const;
