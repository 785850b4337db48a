// GET /ws/generate with Node's own WebSocket client.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { MODEL, Shimmy } from './program.mjs';

let shimmy;
before(async () => (shimmy = await Shimmy.start(['--api-key', 'secret'])));
after(() => shimmy.stop());

const address = (query = '') => `${shimmy.url.replace('http', 'ws')}/ws/generate${query}`;
const connect = (query, headers = { 'x-api-key': 'secret' }) => new WebSocket(address(query), { headers });

// Sends the request when the socket is open; resolves to all messages and how it closed.
function converse(socket, request, onMessage = () => {}) {
  const messages = [];
  return new Promise((resolve) => {
    socket.addEventListener('open', () => socket.send(JSON.stringify(request)));
    socket.addEventListener('message', (event) => {
      messages.push(event.data);
      onMessage(event.data);
    });
    socket.addEventListener('close', ({ code, reason, wasClean }) => resolve({ messages, code, reason, wasClean }));
  });
}

const request = { model: MODEL, messages: [{ role: 'user', content: 'Hello!' }], temperature: 0, max_tokens: 12 };

test('tokens, then done with the usage, then a clean close', async () => {
  const { messages, code, wasClean } = await converse(connect(), request);
  const frames = messages.map((message) => JSON.parse(message));
  const last = frames.pop();
  assert.equal(last.done, true);
  assert.equal(last.usage.completion_tokens, 12);
  const text = frames.map((frame) => frame.token).join('');
  const whole = await shimmy.post('/api/generate', { ...request, stream: false }, { headers: { 'x-api-key': 'secret' } });
  assert.equal(text, (await whole.json()).response);
  assert.equal(code, 1000);
  assert.equal(wasClean, true);
});

test('raw: the text itself', async () => {
  const json = await converse(connect(), request);
  const raw = await converse(connect('?format=raw'), request);
  assert.equal(raw.messages.pop(), '{"done":true}');
  const text = json.messages.slice(0, -1).map((message) => JSON.parse(message).token);
  assert.equal(raw.messages.join(''), text.join(''));
});

test('an error is told, and the socket closed', async () => {
  const { messages, code, reason } = await converse(connect(), { model: 'nope', prompt: 'x' });
  assert.equal(JSON.parse(messages[0]).error.code, 'model_not_found');
  assert.equal(code, 1008);
  assert.equal(reason, 'model_not_found');
});

test('without the key, or from a page of elsewhere, there is no socket', async () => {
  for (const headers of [{}, { 'x-api-key': 'secret', origin: 'http://evil.example' }]) {
    const opened = await new Promise((resolve) => {
      const socket = connect('', headers);
      socket.addEventListener('open', () => resolve(true));
      socket.addEventListener('error', () => resolve(false));
    });
    assert.equal(opened, false);
  }
});

test('a page that can send no headers sends its key as a subprotocol', async () => {
  const socket = new WebSocket(address(), ['shimmy', 'openai-insecure-api-key.secret']);
  const { messages, code } = await converse(socket, request);
  assert.equal(socket.protocol, 'shimmy');
  assert.equal(JSON.parse(messages.at(-1)).done, true);
  assert.equal(code, 1000);
});

test('closing ends the generation', async () => {
  const socket = connect();
  const { messages } = await converse(socket, { ...request, max_tokens: 900, logit_bias: {} }, () => socket.close(1000));
  assert.ok(messages.length < 50, `${messages.length}`);
});
