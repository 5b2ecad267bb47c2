/** What is in which image. */
import { type Architecture, type Image, pauseImage, type TarEntry } from '../../src/kubelet/images/index.ts';
import { effectiveUidProgram } from './effective-uid.ts';
import {
  busybox,
  copy,
  file,
  folder,
  libraryEntries,
  link,
  merged,
  nameServiceLibraries,
  programs,
  skeleton,
} from './userland.ts';

const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const testImages = 'registry.k8s.io/e2e-test-images';

/**
 * Debian's busybox ends with a segmentation fault when `wget` is given -T. As a shell it takes its own programs before
 * those on the path, and does not pass on variables whose names are no identifiers. So bash is sh.
 */
const brokenApplets = ['wget', 'sh', 'bash'];
const bashAsShell = link('usr/bin/sh', 'bash');

// --- the image of the first steps ---------------------------------------------------------------------------------

const helloServer = `#!/bin/sh
# Answers on port 8080; as process 1 it has to end by itself when it is asked to.
trap 'exit 0' TERM INT
echo "serving on port 8080 as $(hostname)"
httpd -f -p 8080 -h /www &
wait
`;

const helloAnswer = `#!/bin/sh
# The text of what is mounted at /etc/hello, else a greeting, and who answers.
echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $REQUEST_METHOD $REQUEST_URI from $REMOTE_ADDR" >&2
printf 'Content-Type: text/plain; charset=utf-8\\r\\n\\r\\n'
cat /etc/hello/* 2>/dev/null || echo 'Hello from nanoshift'
echo "served by $(hostname)"
`;

/** A web server: answers with the text mounted at /etc/hello and its host name, and logs requests. */
export const helloImage = (architecture: Architecture): Image => ({
  names: ['docker.io/nanoshift/hello:1'],
  architecture,
  config: { User: '1000:1000', Env: [path], Entrypoint: ['/usr/bin/hello'], ExposedPorts: { '8080/tcp': {} } },
  layers: [
    merged(skeleton(['hello:x:1000:1000:hello:/tmp:/bin/sh'], ['hello:x:1000:']), busybox(), [
      ...['www', 'www/cgi-bin', 'etc/hello'].map((name) => folder(name)),
      file('usr/bin/hello', helloServer, 0o755),
      file('www/cgi-bin/index.cgi', helloAnswer, 0o755),
    ]),
  ],
});

// --- stand-ins for the images of Kubernetes' conformance suite ----------------------------------------------------

/** A certificate for localhost, with its key. */
export interface ServingCertificate {
  certificate: string;
  key: string;
}

/** Images under the names that the suite asks for. */
export function conformanceImages(
  architecture: Architecture,
  agnhostProgram: string,
  serving: ServingCertificate,
): Image[] {
  const tools = busyboxLayer();
  const agnhost = [agnhostBase(), agnhostLayer(agnhostProgram, serving)];
  const common = { architecture };
  return [
    pauseImage(architecture),
    {
      ...common,
      names: [`${testImages}/agnhost:2.63.0`, `${testImages}/agnhost:2.55`],
      config: agnhostConfig(['pause']),
      layers: agnhost,
    },
    {
      ...common,
      names: [`${testImages}/busybox:1.37.0-1`],
      config: { Env: [path], Cmd: ['sh'] },
      layers: [tools],
    },
    {
      ...common,
      names: [`${testImages}/nginx:1.15-4`],
      config: {
        Env: [path],
        Cmd: ['nginx', '-g', 'daemon off;'],
        ExposedPorts: { '80/tcp': {} },
        StopSignal: 'SIGTERM',
      },
      layers: [tools, nginxLayer()],
    },
    {
      ...common,
      names: [`${testImages}/glibc-dns-testing:2.0.0`],
      config: { Env: [path], Cmd: ['bash'] },
      layers: [tools, dnsLayer()],
    },
    ...['nautilus', 'kitten'].map((name) => ({
      ...common,
      names: [`${testImages}/${name}:1.8`],
      config: agnhostConfig(['test-webserver']),
      layers: [...agnhost, [file('data.json', `{\n  "image": "${name}.jpg"\n}\n`)]],
    })),
    {
      ...common,
      names: [`${testImages}/nonewprivs:1.4`],
      config: { Env: [path], Cmd: ['nnp'] },
      layers: [tools, [file('usr/local/bin/nnp', effectiveUidProgram(architecture), 0o6755)]],
    },
  ];
}

const busyboxLayer = (): TarEntry[] =>
  merged(
    skeleton(['daemon:x:1:1:daemon:/usr/sbin:/bin/false'], ['daemon:x:1:']),
    busybox(brokenApplets),
    programs({ wget: 'usr/bin/wget', bash: 'usr/bin/bash' }),
    [bashAsShell],
  );

const agnhostConfig = (command: readonly string[]): Image['config'] => ({
  Env: [path],
  Entrypoint: ['/agnhost'],
  Cmd: command,
  ExposedPorts: Object.fromEntries(['80', '8080', '8081', '9376', '5000'].map((port) => [`${port}/tcp`, {}])),
});

/** Without the program itself: what specs run beside it. */
const agnhostBase = (): TarEntry[] =>
  merged(
    skeleton(
      ['user-defined-in-image:x:1000:1000::/home/user-defined-in-image:/bin/sh'],
      ['user-defined-in-image:x:1000:', 'group-defined-in-image:x:50000:user-defined-in-image'],
    ),
    [folder('home/user-defined-in-image', 0o755, 1000), folder('uploads')],
    busybox([...brokenApplets, 'hostname', 'nc', 'ip', 'ipcs']),
    [bashAsShell],
    programs({
      bash: 'usr/bin/bash',
      curl: 'usr/bin/curl',
      dig: 'usr/bin/dig',
      getent: 'usr/bin/getent',
      hostname: 'usr/bin/hostname',
      ip: 'usr/sbin/ip',
      ipcs: 'usr/bin/ipcs',
      nc: 'usr/bin/nc',
      printenv: 'usr/bin/printenv',
      ss: 'usr/bin/ss',
      wget: 'usr/bin/wget',
    }),
    libraryEntries(nameServiceLibraries()),
  );

const agnhostLayer = (program: string, { certificate, key }: ServingCertificate): TarEntry[] => [
  copy(program, 'agnhost', 0o755),
  link('agnhost-2', 'agnhost'),
  file('localhost.crt', certificate),
  file('localhost.key', key),
];

const nginxSite = `server {
  listen 80 default_server;
  listen [::]:80 default_server;
  root /var/www/html;
}
`;

const nginxConfig = `worker_processes 1;
pid /run/nginx.pid;
error_log /dev/stderr notice;
events { worker_connections 256; }
http {
  include /etc/nginx/mime.types;
  access_log /dev/stdout;
  include /etc/nginx/conf.d/*.conf;
}
`;

const nginxLayer = (): TarEntry[] =>
  merged(programs({ nginx: 'usr/sbin/nginx' }), [
    folder('etc/nginx'),
    folder('etc/nginx/conf.d'),
    file('etc/nginx/nginx.conf', nginxConfig),
    copy('/etc/nginx/mime.types', 'etc/nginx/mime.types'),
    file('etc/nginx/conf.d/default.conf', nginxSite),
    folder('var/lib/nginx'),
    folder('var/log/nginx'),
    folder('var/www'),
    folder('var/www/html'),
    file('var/www/html/index.html', '<!DOCTYPE html>\n<title>Welcome to nginx!</title>\n<h1>Welcome to nginx!</h1>\n'),
  ]);

const dnsLayer = (): TarEntry[] =>
  merged(
    programs({ dig: 'usr/bin/dig', getent: 'usr/bin/getent', hostname: 'usr/bin/hostname' }),
    libraryEntries(nameServiceLibraries()),
  );
