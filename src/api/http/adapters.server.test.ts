import assert from 'node:assert/strict';
import { ManualClock } from '../../kernel/clock.ts';
import {
  authority,
  clientCert,
  connectTo,
  describeCases,
  describeRequest,
  foreign,
  parse,
  serverOptions,
  tlsFiles,
} from './adapter-cases.ts';
import { createHttpServer } from './index.ts';
import { startServer } from './test-support.ts';
import { PortInUseError, type HttpResponse } from './types.ts';

describeCases('server', {
  'a busy port is an error': async (start, adapter) => {
    await using server = await start(describeRequest);
    await assert.rejects(
      start(describeRequest, { port: server.port }),
      (error) => error instanceof PortInUseError && /address already in use/.test(error.message),
    );
    const other = adapter === 'uws' ? 'node' : 'uws';
    await assert.rejects(startServer(other, tlsFiles, describeRequest, { port: server.port }), PortInUseError);
  },

  'a reloaded certificate serves new connections; old ones go on': async (start) => {
    await using server = await start(describeRequest);
    const old = await server.connect();
    assert.equal(old.socket.getPeerCertificate().subject.CN, 'one');
    const next = await authority.issue('CN=two', ['localhost']);
    await server.server.reloadCertificate(next.certFile, next.keyFile);
    const fresh = await server.connect();
    assert.equal(fresh.socket.getPeerCertificate().subject.CN, 'two');
    assert.equal((await fresh.get('/')).status, 200);
    assert.equal((await old.get('/')).status, 200);
    await assert.rejects(server.server.reloadCertificate('/nonexistent.crt', '/nonexistent.key'));
    assert.equal((await (await server.connect()).get('/')).status, 200);
  },

  'a server name chooses its certificate': async (start) => {
    const named = await foreign.issue('CN=named', ['named.test', '*.apps.test']);
    await using server = await start(describeRequest, {
      serverNames: [{ names: ['named.test', '*.apps.test'], certFile: named.certFile, keyFile: named.keyFile }],
    });
    const identity = { cert: clientCert.cert, key: clientCert.key };
    for (const [servername, expected] of [
      ['named.test', 'named'],
      ['a.apps.test', 'named'],
      ['other.test', 'one'],
      ['', 'one'],
    ]) {
      const client = await server.connect({ servername: servername!, ...identity });
      assert.equal(client.socket.getPeerCertificate().subject.CN, expected);
      assert.equal(parse((await client.get('/')).body)['certificate'], true);
    }
    const { cert, key } = await foreign.issue('CN=admin');
    await assert.rejects(async () => (await server.connect({ servername: 'named.test', cert, key })).get('/'));
  },

  'a graceful close lets running requests end and refuses new ones': async (start) => {
    const arrived = Promise.withResolvers<HttpResponse>();
    const server = await start((_request, response) => arrived.resolve(response));
    const idle = await server.connect();
    const busy = await server.connect();
    const answer = busy.get('/');
    const response = await arrived.promise;
    const closed = server.server.close(60_000);
    await assert.rejects(server.connect());
    response.send(200, [], 'last words');
    assert.equal((await answer).body.toString(), 'last words');
    await Promise.all([closed, idle.closed, busy.closed]);
  },

  'a graceful close lets a stream end well': async (start) => {
    for (const type of ['text/plain', 'application/json']) {
      for (const silent of [false, true]) {
        const begun = Promise.withResolvers<HttpResponse>();
        const server = await start((_request, response) => {
          response.begin(200, [['Content-Type', type]]);
          if (!silent) response.write('a');
          begun.resolve(response);
        });
        const client = await server.connect();
        client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
        const { headers } = await client.head();
        assert.equal(headers.get('transfer-encoding'), 'chunked');
        const closed = server.server.close(60_000);
        const response = await begun.promise;
        response.write('b');
        response.end();
        const chunks: string[] = [];
        for (let chunk = await client.chunk(); chunk.length > 0; chunk = await client.chunk())
          chunks.push(String(chunk));
        assert.equal(chunks.join('').trim(), silent ? 'b' : 'ab');
        await Promise.all([closed, client.closed]);
      }
    }
  },

  'a graceful close cuts what does not end in time': async (_start, adapter) => {
    const clock = new ManualClock();
    const arrived = Promise.withResolvers<void>();
    const server = await createHttpServer({
      ...serverOptions(adapter),
      clock,
      handler: (_request, response) => {
        response.begin(200, []);
        arrived.resolve();
      },
    });
    const { port } = await server.listen();
    const socket = await connectTo(port);
    socket.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
    await arrived.promise;
    const closed = server.close(1000);
    clock.advance(1000);
    await Promise.all([closed, socket.closed]);
  },

  'connections over the limit are closed': async (start) => {
    await using server = await start(describeRequest, { connectionLimit: 2 });
    const clients = [await server.connect(), await server.connect()];
    await Promise.all(clients.map((client) => client.get('/')));
    await assert.rejects(async () => (await server.connect()).get('/'));
    clients[0]!.destroy();
    assert.equal((await clients[1]!.get('/')).status, 200);
  },
});
