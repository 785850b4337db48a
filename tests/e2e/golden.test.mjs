// Fixed requests to the built-in model, and the bytes that come back: golden/NAME.txt has the status line, the headers and
// the body. Ids, dates, times and rates are masked, logprobs rounded; all else must be the same byte by byte. The reference
// backend computes them, as the kernels of different processors round differently. write_golden.sh writes them anew.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { BUSY_CASES, CASES, GUARDED_CASES } from './golden_cases.mjs';
import { Shimmy } from './program.mjs';

const written = process.env.SHIMMY_GOLDEN_WRITE;
const folder = written ?? join(import.meta.dirname, 'golden');
if (written) mkdirSync(folder, { recursive: true });

// What differs from run to run, as [pattern, what stands for it].
const MASKS = [
  [/\b(chatcmpl-|cmpl-|req_|call_)[0-9A-Za-z]{24}\b/g, '$1<id>'],
  [/"created":(?!1700000000)\d+/g, '"created":<time>'],
  [/"((?:queue|ttft|prompt|predicted)_ms|(?:prompt|predicted)_per_second)":[0-9.]+/g, '"$1":<number>'],
  [/^date: .*$/gm, 'date: <date>'],
  [/^(server-timing: ).*$/gm, (line) => line.replace(/[0-9.]+/g, '<number>')],
  [/-\d+\.\d{5,}(e-\d+)?/g, (number) => Number(number).toFixed(4)],
  [/"loaded":(true|false)/g, '"loaded":<flag>'],
];
const masked = (text) => MASKS.reduce((out, [pattern, mark]) => out.replace(pattern, mark), text);

// The fields behind the last chunk, a line each.
const trailerOf = (rest) => rest.trim().split('\r\n').filter(Boolean).map((line) => `${line.replace(/^[^:]+/, (name) => name.toLowerCase())}\n`).join('');

// The answer as the server sent it, the chunks of a stream put together and its trailer behind them.
function unframed(raw) {
  const end = raw.indexOf('\r\n\r\n');
  const head = raw.slice(0, end).split('\r\n');
  let rest = raw.slice(end + 4);
  if (!/^transfer-encoding: chunked$/im.test(head.join('\n'))) return { head, body: rest };
  let body = '';
  for (;;) {
    const line = rest.indexOf('\r\n');
    const bytes = Number.parseInt(rest.slice(0, line), 16);
    if (!bytes) return { head, body: body + trailerOf(rest.slice(line + 2)) };
    body += rest.slice(line + 2, line + 2 + bytes);
    rest = rest.slice(line + 2 + bytes + 2);
  }
}

async function answerOf(shimmy, [path, body, options = {}]) {
  const text = body === undefined || body === null ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  const method = options.method ?? (body === undefined || body === null ? 'GET' : 'POST');
  const headers = { host: options.host ?? `127.0.0.1:${shimmy.port}`, connection: 'close', ...options.headers };
  if (text !== '') headers['content-type'] ??= 'application/json';
  if (text !== '') headers['content-length'] = String(Buffer.byteLength(text));
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const raw = await shimmy.raw(Buffer.from(`${method} ${path} HTTP/1.1\r\n${head}\r\n${text}`), 20_000);
  const answer = unframed(Buffer.from(raw, 'latin1').toString('utf8'));
  // Names of headers are the same in any case, and Content-Length follows from masked bytes.
  const lines = answer.head.map((line, i) => (i === 0 ? line : line.replace(/^[^:]+/, (name) => name.toLowerCase())));
  return masked([...lines.filter((line) => !line.startsWith('content-length: ')), '', answer.body].join('\n'));
}

function compare(name, answer) {
  const file = join(folder, `${name}.txt`);
  if (written) return writeFileSync(file, answer.endsWith('\n') ? answer : `${answer}\n`);
  assert.ok(existsSync(file), `${file} is missing: write it`);
  assert.equal(answer.endsWith('\n') ? answer : `${answer}\n`, readFileSync(file, 'utf8'));
}

const EXACT = ['--deterministic', '--backend', 'reference', '--speculate', 'off'];

let shimmy;
before(async () => {
  shimmy = await Shimmy.start([...EXACT, '--max-body-bytes', '65536']);
});
after(() => shimmy.stop());

for (const [name, request] of Object.entries(CASES)) {
  test(`golden ${name}`, async () => compare(name, await answerOf(shimmy, request)));
}

for (const [name, request] of Object.entries(GUARDED_CASES)) {
  test(`golden ${name}`, async () => {
    const guarded = await Shimmy.start(['--api-key', 'sesame-open-1']);
    try {
      compare(name, await answerOf(guarded, request));
    } finally {
      await guarded.stop();
    }
  });
}

for (const [name, request] of Object.entries(BUSY_CASES)) {
  test(`golden ${name}`, async () => {
    const busy = await Shimmy.start([...EXACT, '--streams', '1', '--queue', '1']);
    const stop = new AbortController();
    const long = { max_tokens: 900, stream: true, logit_bias: { 11: 100 } };
    try {
      let answer = '';
      for (let round = 0; round < 20 && !answer.startsWith('HTTP/1.1 429'); ++round) {
        // One of these runs, one waits, the others are refused like the request that follows.
        const flood = Array.from({ length: 4 }, () => busy.chat(long, { signal: stop.signal }).catch(() => null));
        await Promise.race(flood);
        answer = await answerOf(busy, request);
      }
      compare(name, answer);
      stop.abort();
    } finally {
      await busy.stop();
    }
  });
}

test('every golden file has its request', () => {
  const names = new Set([...Object.keys(CASES), ...Object.keys(GUARDED_CASES), ...Object.keys(BUSY_CASES)]);
  const files = readdirSync(folder).map((file) => file.replace(/\.txt$/, ''));
  assert.deepEqual(files.filter((name) => !names.has(name)), []);
});
