// What must not hurt: every refusal says why, in JSON, and the server goes on.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, afterEach, before, test } from 'node:test';
import { MODEL, Shimmy } from './program.mjs';

let shimmy;
before(async () => {
  shimmy = await Shimmy.start();
});
after(async () => {
  assert.deepEqual(await shimmy.stop(), { code: 0, signal: null });
});
afterEach(async () => {
  const started = performance.now();
  assert.equal((await shimmy.get('/health')).status, 200);
  assert.ok(performance.now() - started < 2000);
});

async function refused(response, status, code) {
  assert.equal(response.status, status);
  assert.match(response.headers.get('content-type'), /^application\/json/);
  const { error } = await response.json();
  assert.equal(error.code, code);
  assert.equal(typeof error.message, 'string');
  assert.equal(typeof error.type, 'string');
  assert.ok('param' in error);
  assert.doesNotMatch(error.message, /boost|exception|std::/i);
  return error;
}

const chatPath = '/v1/chat/completions';

test('JSON that is none', async () => {
  const bodies = ['', '{', '{"model":}', '[1,2', 'null', '"x"', '{"a":1}{"b":2}', '{"a":NaN}', '\ufeff{}', "{'a':1}", '{"a":1,"a":2}',
    '[' .repeat(100_000), `{"a":${'['.repeat(5000)}`, '{"a":"\\ud800"}', '{"temperature":1e400}'];
  for (const body of bodies) {
    const response = await shimmy.post(chatPath, body);
    assert.equal(response.status, 400, body.slice(0, 40));
    assert.match((await response.json()).error.code, /^invalid_(json|type)$/);
  }
  const broken = await fetch(shimmy.url + chatPath, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: Uint8Array.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
  });
  await refused(broken, 400, 'invalid_json');
});

test('values out of range name their path', async () => {
  const cases = [
    [{ temperature: -1 }, 'temperature'], [{ temperature: 'x' }, 'temperature'], [{ top_p: 2 }, 'top_p'],
    [{ n: 0 }, 'n'], [{ n: 10_000 }, 'n'], [{ max_tokens: -5 }, 'max_tokens'], [{ max_tokens: 2 ** 31 }, 'max_tokens'],
    [{ stop: ['1', '2', '3', '4', '5'] }, 'stop'], [{ logit_bias: { 99999999: 1 } }, 'logit_bias'],
    [{ logit_bias: { abc: 1 } }, 'logit_bias.abc'], [{ top_logprobs: 3 }, 'top_logprobs'], [{ stream: 1 }, 'stream'],
    [{ messages: 'Hi' }, 'messages'], [{ messages: [{ role: 'x', content: '' }] }, 'messages[0].role'],
    [{ messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }, 'messages[0].content[0].type'],
    [{ tool_choice: 'required' }, 'tool_choice'], [{ response_format: { type: 'json_schema' } }, 'response_format.json_schema'],
  ];
  for (const [fields, param] of cases) {
    const response = await shimmy.chat(fields);
    assert.equal(response.status, 400, JSON.stringify(fields));
    assert.equal((await response.json()).error.param, param);
  }
});

test('unknown models and routes', async () => {
  const error = await refused(await shimmy.chat({ model: '../../etc/passwd' }), 404, 'model_not_found');
  assert.match(error.message, new RegExp(MODEL));
  await refused(await shimmy.get('/v1/models/nope'), 404, 'model_not_found');
  await refused(await shimmy.get('/v1/nope'), 404, 'unknown_url');
  await refused(await shimmy.get('/../../etc/passwd'), 404, 'unknown_url');
  const method = await shimmy.get(chatPath);
  assert.match(method.headers.get('allow'), /POST/);
  await refused(method, 405, 'method_not_allowed');
});

test('a prompt over the context names both numbers, streamed or not', async () => {
  for (const stream of [false, true]) {
    const response = await shimmy.chat({ stream, messages: [{ role: 'user', content: 'word '.repeat(20_000) }] });
    const error = await refused(response, 400, 'context_length_exceeded');
    assert.ok(error.message.match(/\d[\d,]*/g).length >= 2, error.message);
  }
});

test('a page of somewhere else gets nothing', async () => {
  const plain = await shimmy.post(chatPath, '{}', { headers: { 'content-type': 'text/plain' } });
  await refused(plain, 415, 'unsupported_media_type');
  const foreign = await shimmy.raw(`GET /v1/models HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`);
  assert.match(foreign, /^HTTP\/1\.1 403 /);
  const origin = await shimmy.raw(`GET /v1/models HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n\r\n`);
  assert.match(origin, /^HTTP\/1\.1 403 [^]*origin_not_allowed/);
  assert.doesNotMatch(origin, /access-control-allow-origin/i);
});

test('malformed HTTP gets a 400 and the end', async () => {
  const requests = ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'hello\r\n\r\n',
    'GET / HTTP/1.1\r\n\r\n', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
    'POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: +2\r\n\r\n{}',
    'GET / HTTP/1.1\r\nHost: localhost\r\nX: 1\r\n Y: 2\r\n\r\n'];
  for (const request of requests) assert.match(await shimmy.raw(request), /^HTTP\/1\.1 400 /, JSON.stringify(request));
  const huge = await shimmy.raw('POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8589934592\r\n\r\n');
  assert.match(huge, /^HTTP\/1\.1 413 /);
  const headers = await shimmy.raw(`GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'a'.repeat(200_000)}\r\n\r\n`);
  assert.match(headers, /^HTTP\/1\.1 431 /);
});

test('clients that vanish leave no work behind', async () => {
  const long = { max_tokens: 900, messages: [{ role: 'user', content: 'Tell me everything.' }] };
  for (let round = 0; round < 3; ++round) {
    const controllers = Array.from({ length: 8 }, () => new AbortController());
    const requests = controllers.map((each, i) => shimmy.chat({ ...long, stream: i % 2 === 0 }, { signal: each.signal }));
    await new Promise((resolve) => setTimeout(resolve, 30));
    for (const each of controllers) each.abort();
    await Promise.allSettled(requests);
  }
  const started = performance.now();
  assert.equal((await shimmy.chat({ max_tokens: 4 })).status, 200);
  assert.ok(performance.now() - started < 3000);
});

test('hundreds of idle connections hold nobody up', async () => {
  const sockets = await Promise.all(
    Array.from({ length: 300 }, () => new Promise((resolve, reject) => {
      const socket = net.connect(shimmy.port, '127.0.0.1', () => resolve(socket));
      socket.on('error', reject);
    })),
  );
  for (const [i, socket] of sockets.entries()) if (i % 2 === 0) socket.write('GET /health HTTP/1.1\r\nHo');
  assert.equal((await shimmy.chat({ max_tokens: 2 })).status, 200);
  for (const socket of sockets) socket.destroy();
});
