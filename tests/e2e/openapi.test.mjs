// The description of the API: linted, and held to what the server does.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { MODEL, Shimmy, sseEvents } from './program.mjs';
import { answerOf, ApiDescription, parametersOf } from './schemas.mjs';

let shimmy;
let api;
before(async () => {
  shimmy = await Shimmy.start();
  api = await ApiDescription.of(shimmy);
});
after(() => shimmy.stop());

const messages = [{ role: 'user', content: 'Hi' }];
// Requests that are right, of each route: every parameter is read by one of them.
const requests = {
  '/chat/completions': [{ model: MODEL, messages, max_completion_tokens: 1, logprobs: true }],
  '/completions': [{ model: MODEL, prompt: 'Hi', max_tokens: 1 }],
  '/embeddings': [{ model: MODEL, input: 'Hi' }],
  '/rerank': [],
  '/tokenize': [{ content: 'Hi' }],
  '/detokenize': [{ tokens: [5, 6] }],
  '/apply-template': [{ messages, logprobs: true }],
  '/api/generate': [{ prompt: 'Hi', max_tokens: 1, stream: false }, { messages, max_tokens: 1, stream: false }],
  '/infill': [],
};

test('the linter finds nothing', async () => {
  const redocly = createRequire(import.meta.url).resolve('@redocly/cli/bin/cli.js');
  const file = join(shimmy.home, 'openapi.yaml');
  writeFileSync(file, await (await shimmy.get('/openapi.yaml')).text());
  const run = (...options) =>
    execFileSync(process.execPath, [redocly, ...options], {
      cwd: shimmy.home,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
    });
  run('lint', file, '--extends=recommended-strict');
  run('bundle', file, '--ext=json', '--output=openapi.json');
  assert.deepEqual(JSON.parse(readFileSync(join(shimmy.home, 'openapi.json'), 'utf8')), api.document);
});

test('both forms are served, with and without /v1', async () => {
  const yaml = await shimmy.get('/v1/openapi.yaml');
  assert.equal(yaml.headers.get('content-type'), 'application/yaml');
  assert.match(await yaml.text(), /^openapi: "3\.1\.0"$/m);
  assert.equal((await shimmy.get('/v1/openapi.json')).status, 200);
});

test('every route that takes a body is tried here', () => {
  assert.deepEqual(api.posts().map(([path]) => path).sort(), Object.keys(requests).sort());
});

// The fields of an interface in the types of the package `openai`, in the pinned version.
function fieldsOfSdk(file, name) {
  const types = readFileSync(join(import.meta.dirname, 'node_modules/openai/resources', file), 'utf8');
  const [, body] = new RegExp(`export interface ${name} \\{\n(.*?)\n\\}`, 's').exec(types);
  return [...body.matchAll(/^    (\w+)\??:/gm)].map((match) => match[1]);
}

test('every parameter that the client openai knows is described', () => {
  const requestsOfSdk = [
    ['/chat/completions', 'chat/completions/completions.d.ts', 'ChatCompletionCreateParamsBase'],
    ['/completions', 'completions.d.ts', 'CompletionCreateParamsBase'],
    ['/embeddings', 'embeddings.d.ts', 'EmbeddingCreateParams'],
  ];
  for (const [path, file, name] of requestsOfSdk) {
    const known = Object.keys(parametersOf(api.document.paths[path].post));
    const fields = fieldsOfSdk(file, name);
    assert.ok(fields.length > 4, `${name}: ${fields}`);
    assert.deepEqual(fields.filter((field) => !known.includes(field)), [], name);
  }
});

const typesOf = (schema) => [schema.type].flat();

// Values that the schema excludes.
function wrongValues(schema) {
  const values = [];
  const types = typesOf(schema);
  values.push(types.includes('integer') || types.includes('number') ? 'x' : 7);
  if (schema.minimum !== undefined) values.push(schema.minimum - 1);
  if (schema.maximum !== undefined) values.push(schema.maximum + 1);
  if (types.includes('integer')) values.push(1.5);
  if (schema.enum && types.includes('string')) values.push('no such value');
  if (schema.minItems) values.push([]);
  return values;
}

const namesIt = (param, name) => param === name || param?.startsWith(`${name}.`) || param?.startsWith(`${name}[`);

test('a value that the description excludes is a 400 that names the parameter', async () => {
  let tried = 0;
  for (const [path, operation] of api.posts()) {
    for (const [name, schema] of Object.entries(parametersOf(operation))) {
      if (schema['x-use']) continue;
      for (const value of wrongValues(schema)) {
        const answers = await Promise.all(requests[path].map((right) => shimmy.post(path, { ...right, [name]: value })));
        const bodies = await Promise.all(answers.map((answer) => answer.json()));
        for (const body of bodies.filter((each) => each.error)) api.check('Error', body);
        const refused = answers.some((answer, i) => answer.status === 400 && namesIt(bodies[i].error.param, name));
        assert.ok(requests[path].length === 0 || refused, `${path} ${name}=${JSON.stringify(value)}: ${JSON.stringify(bodies)}`);
        tried += 1;
      }
    }
  }
  assert.ok(tried > 200, `${tried}`);
});

// Some value that the schema allows.
function rightValue(schema) {
  if (schema['x-use'] === 'ignored') return { any: ['thing'] };
  if (schema.enum) return schema.enum[0];
  if (schema.minimum !== undefined) return schema.minimum > 0 ? schema.minimum : Math.min(1, schema.maximum);
  const byType = { boolean: false, string: 'x', integer: 1, array: [], object: {} };
  return byType[typesOf(schema)[0]];
}

test('null, and a value that the description allows, is accepted', async () => {
  for (const [path, operation] of api.posts()) {
    for (const right of requests[path]) {
      for (const [name, schema] of Object.entries(parametersOf(operation))) {
        if (name in right || schema['x-use'] === 'refused') continue;
        const values = [null];
        const alone = ['suffix', 'stream', 'prompt', 'messages', 'model', 'stream_options', 'max_tokens'].includes(name);
        const constrains = /^(json_schema|guided_.*|grammar)$/.test(name);
        const value = rightValue(schema);
        if (!alone && !constrains && value !== undefined && !schema.minItems) values.push(value);
        for (const each of values) {
          const answer = await shimmy.post(path, { ...right, [name]: each });
          assert.equal(answer.status, 200, `${path} ${name}=${JSON.stringify(each)}: ${await answer.text()}`);
        }
      }
    }
  }
});

test('what cannot be done is refused by name', async () => {
  for (const [path, operation] of api.posts()) {
    for (const [name, schema] of Object.entries(parametersOf(operation))) {
      if (schema['x-use'] !== 'refused') continue;
      const right = requests[path][0] ?? { input_prefix: 'Hi' };
      const answer = await shimmy.post(path, { ...right, [name]: { any: 'thing' } });
      assert.equal(answer.status, 400, `${path} ${name}`);
      assert.equal((await answer.json()).error.param, name);
    }
  }
});

test('answers are as described', async () => {
  for (const [path, methods] of Object.entries(api.document.paths)) {
    const name = methods.get && answerOf(methods.get);
    if (name) api.check(name, await (await shimmy.get(path.replace('{id}', MODEL))).json());
  }
  const extras = { '/chat/completions': { n: 2, top_logprobs: 2 }, '/completions': { n: 2, logprobs: 2, echo: true }, '/tokenize': { with_pieces: true } };
  for (const [path, operation] of api.posts()) {
    for (const right of requests[path]) {
      for (const more of [{}, extras[path] ?? {}]) {
        api.check(answerOf(operation), await (await shimmy.post(path, { ...right, ...more })).json());
      }
      const chunk = answerOf(operation, 'text/event-stream');
      if (!chunk || chunk === 'TextPiece') continue;
      const body = { ...right, stream: true, stream_options: { include_usage: true } };
      const events = await sseEvents(await shimmy.post(path, body));
      assert.equal(events.pop(), 'DONE');
      for (const event of events) api.check(chunk, event);
    }
  }
});

test('an unknown path, method and model are as described', async () => {
  for (const [method, path] of [['GET', '/nope'], ['DELETE', '/models'], ['GET', '/models/nope']]) {
    const answer = await fetch(shimmy.url + path, { method });
    assert.ok(answer.status >= 400);
    api.check('Error', await answer.json());
  }
});
