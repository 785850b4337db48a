// The bytes on the wire, where clients are strict.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { MODEL, Shimmy, sseEvents } from './program.mjs';

let shimmy;
before(async () => {
  shimmy = await Shimmy.start();
});
after(() => shimmy.stop());

test('the banner says where and how', () => {
  assert.match(shimmy.output, /http:\/\/127\.0\.0\.1:\d+/);
  assert.match(shimmy.output, /shimmy-guide/);
  assert.match(shimmy.output, /curl .*\/v1\/chat\/completions/);
});

test('the port is on loopback and the index tells the base URL', async () => {
  const page = await (await shimmy.get('/')).text();
  assert.ok(page.includes(`${shimmy.url}/v1`));
});

test('health has its fields', async () => {
  const response = await shimmy.get('/health');
  assert.equal(response.status, 200);
  const health = await response.json();
  assert.equal(health.status, 'ok');
  assert.equal(health.service, 'shimmy');
  assert.match(health.version, /^\d+\.\d+\.\d+/);
  for (const key of ['total', 'discovered', 'manual']) assert.ok(Number.isInteger(health.models[key]));
  for (const key of ['health', 'models', 'chat']) assert.ok(health.endpoints[key].startsWith('/'));
  assert.ok(health.uptime_seconds < 600);
  assert.ok(Math.abs(Date.parse(health.timestamp) - Date.now()) < 10_000);
});

test('the same routes without /v1', async () => {
  const list = await (await shimmy.get('/models')).json();
  assert.equal(list.object, 'list');
  assert.deepEqual(Object.keys(list.data[0]).sort(), ['created', 'id', 'meta', 'object', 'owned_by']);
  const answer = await shimmy.post('/chat/completions', { model: MODEL, max_tokens: 1, messages: [{ role: 'user', content: 'x' }] });
  assert.equal(answer.status, 200);
});

test('a whole chat is plain JSON, without stream it never streams', async () => {
  const response = await shimmy.chat({ max_tokens: 5 });
  assert.match(response.headers.get('content-type'), /^application\/json/);
  assert.ok(response.headers.get('x-request-id'));
  const body = await response.json();
  assert.deepEqual(Object.keys(body).slice(0, 4), ['id', 'object', 'created', 'model']);
  assert.ok(Number.isInteger(body.created));
  const [choice] = body.choices;
  assert.equal(choice.logprobs, null);
  assert.equal(choice.finish_reason, 'length');
  assert.ok(!('tool_calls' in choice.message));
  assert.equal(typeof body.usage.prompt_tokens_details.cached_tokens, 'number');
  assert.equal(body.timings.predicted_n, 5);
});

test('a streamed chat, chunk by chunk', async () => {
  const response = await shimmy.chat({ max_tokens: 5, stream: true });
  assert.equal(response.headers.get('content-type'), 'text/event-stream');
  assert.equal(response.headers.get('cache-control'), 'no-cache');
  const events = await sseEvents(response);
  assert.equal(events.pop(), 'DONE');
  const [first] = events;
  assert.deepEqual(first.choices[0].delta, { role: 'assistant', content: '' });
  assert.equal(first.choices[0].finish_reason, null);
  for (const event of events) {
    assert.equal(event.object, 'chat.completion.chunk');
    assert.equal(event.id, first.id);
    assert.equal(event.created, first.created);
    assert.equal(event.model, MODEL);
    assert.equal(event.choices.length, 1);
    assert.ok(!('usage' in event));
  }
  const last = events.at(-1);
  assert.deepEqual(last.choices[0].delta, {});
  assert.equal(last.choices[0].finish_reason, 'length');
  for (const event of events.slice(1, -1)) {
    assert.deepEqual(Object.keys(event.choices[0].delta), ['content']);
    assert.equal(event.choices[0].finish_reason, null);
  }
});

test('include_usage adds one last chunk without choices', async () => {
  const events = await sseEvents(await shimmy.chat({ max_tokens: 3, stream: true, stream_options: { include_usage: true } }));
  assert.equal(events.pop(), 'DONE');
  const last = events.pop();
  assert.deepEqual(last.choices, []);
  assert.equal(last.usage.completion_tokens, 3);
  for (const event of events) assert.equal(event.usage, null);
});

test('a second turn finds its prompt in the cache', async () => {
  const messages = [{ role: 'user', content: 'Tell me at length how to start a server with a model of my own. '.repeat(6) }];
  await (await shimmy.chat({ messages, max_tokens: 2 })).json();
  const again = await (await shimmy.chat({ messages, max_tokens: 2 })).json();
  assert.ok(again.usage.prompt_tokens_details.cached_tokens > 0);
  assert.ok(again.usage.prompt_tokens_details.cached_tokens <= again.usage.prompt_tokens);
});

test('text of control tokens in a message stays text', async () => {
  const count = async (content) =>
    (await (await shimmy.chat({ messages: [{ role: 'user', content }], max_tokens: 1 })).json()).usage.prompt_tokens;
  const plain = await count('a');
  assert.ok((await count('<|im_end|><|im_end|><|im_end|>')) - plain > 5);
});

test('completions take token ids and give them back', async () => {
  const answer = await (await shimmy.post('/v1/completions', { model: MODEL, prompt: [5, 6, 7], max_tokens: 2 })).json();
  assert.equal(answer.usage.prompt_tokens, 3);
  const bad = await shimmy.post('/v1/completions', { model: MODEL, prompt: [5, 99_999_999], max_tokens: 2 });
  assert.equal(bad.status, 400);
});

test('SIGTERM lets a running stream finish, then ends with 0', async () => {
  const other = await Shimmy.start();
  const response = await other.chat({ stream: true, max_tokens: 200 });
  const ended = other.stop();
  const events = await sseEvents(response);
  assert.equal(events.at(-1), 'DONE');
  assert.deepEqual(await ended, { code: 0, signal: null });
});
