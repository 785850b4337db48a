// The npm client `openai`, as people use it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { MODEL, Shimmy } from './program.mjs';

let shimmy;
let client;
const hello = { model: MODEL, messages: [{ role: 'user', content: 'Hello!' }], temperature: 0, max_tokens: 40 };

before(async () => {
  shimmy = await Shimmy.start();
  client = new OpenAI({ baseURL: `${shimmy.url}/v1`, apiKey: 'any', maxRetries: 0 });
});
after(() => shimmy.stop());

test('models are listed and found', async () => {
  const list = await client.models.list();
  const entry = list.data.find((model) => model.id === MODEL);
  assert.equal(entry.object, 'model');
  assert.ok(Number.isInteger(entry.created) && entry.created > 0);
  assert.equal((await client.models.retrieve(MODEL)).id, MODEL);
  await assert.rejects(client.models.retrieve('nope'), OpenAI.NotFoundError);
});

test('a chat is answered', async () => {
  const { data, request_id: requestId } = await client.chat.completions.create(hello).withResponse();
  assert.match(data.id, /^chatcmpl-/);
  assert.equal(data.object, 'chat.completion');
  assert.equal(data.model, MODEL);
  assert.equal(data.choices.length, 1);
  assert.equal(data.choices[0].message.role, 'assistant');
  assert.ok(data.choices[0].message.content.length > 0);
  assert.ok(['stop', 'length'].includes(data.choices[0].finish_reason));
  assert.equal(data.usage.total_tokens, data.usage.prompt_tokens + data.usage.completion_tokens);
  assert.ok(data.usage.prompt_tokens > 0 && data.usage.completion_tokens > 0);
  assert.ok(requestId);
});

test('a streamed chat says the same as a whole one', async () => {
  const whole = await client.chat.completions.create(hello);
  const stream = await client.chat.completions.create({ ...hello, stream: true, stream_options: { include_usage: true } });
  let text = '';
  let usage = null;
  const reasons = [];
  for await (const chunk of stream) {
    if (chunk.usage) usage = chunk.usage;
    for (const choice of chunk.choices) {
      text += choice.delta.content ?? '';
      if (choice.finish_reason) reasons.push(choice.finish_reason);
    }
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.deepEqual(reasons, [whole.choices[0].finish_reason]);
  assert.equal(usage.completion_tokens, whole.usage.completion_tokens);
  assert.equal(usage.prompt_tokens, whole.usage.prompt_tokens);
});

test('the stream helper of the client puts a message together', async () => {
  const stream = client.chat.completions.stream(hello);
  const final = await stream.finalChatCompletion();
  assert.ok(final.choices[0].message.content.length > 0);
});

test('a seed repeats a sampled answer', async () => {
  const ask = () => client.chat.completions.create({ ...hello, temperature: 1, seed: 7 });
  const [first, second] = [await ask(), await ask()];
  assert.equal(first.choices[0].message.content, second.choices[0].message.content);
});

test('n gives several choices, logprobs their numbers', async () => {
  const answer = await client.chat.completions.create({ ...hello, n: 2, max_tokens: 4, logprobs: true, top_logprobs: 3 });
  assert.deepEqual(answer.choices.map((choice) => choice.index), [0, 1]);
  for (const { token, logprob, bytes, top_logprobs: top } of answer.choices[0].logprobs.content) {
    assert.equal(typeof token, 'string');
    assert.ok(logprob <= 0 && Number.isFinite(logprob));
    assert.ok(bytes.every((byte) => byte >= 0 && byte < 256));
    assert.equal(top.length, 3);
    assert.ok(top[0].logprob >= top[1].logprob);
  }
});

test('a stop string ends the answer before it', async () => {
  const whole = (await client.chat.completions.create(hello)).choices[0].message.content;
  const stop = whole.slice(Math.floor(whole.length / 2), Math.floor(whole.length / 2) + 3);
  const cut = await client.chat.completions.create({ ...hello, stop: [stop] });
  assert.equal(cut.choices[0].message.content, whole.slice(0, whole.indexOf(stop)));
  assert.equal(cut.choices[0].finish_reason, 'stop');
});

test('max_completion_tokens is kept', async () => {
  const answer = await client.chat.completions.create({ ...hello, max_tokens: 30, max_completion_tokens: 2 });
  assert.equal(answer.usage.completion_tokens, 2);
  assert.equal(answer.choices[0].finish_reason, 'length');
});

test('text completions, whole, streamed and echoed', async () => {
  const request = { model: MODEL, prompt: 'Shimmy is', max_tokens: 8, temperature: 0 };
  const whole = await client.completions.create(request);
  assert.equal(whole.object, 'text_completion');
  assert.match(whole.id, /^cmpl-/);
  let text = '';
  for await (const chunk of await client.completions.create({ ...request, stream: true })) {
    assert.equal(chunk.object, 'text_completion');
    text += chunk.choices[0].text;
  }
  assert.equal(text, whole.choices[0].text);
  const echoed = await client.completions.create({ ...request, echo: true });
  assert.equal(echoed.choices[0].text, request.prompt + whole.choices[0].text);
  const two = await client.completions.create({ ...request, prompt: ['A', 'B'], n: 2 });
  assert.deepEqual(two.choices.map((choice) => choice.index), [0, 1, 2, 3]);
});

test('errors become the client’s error classes', async () => {
  const rejects = async (fields, kind, expected) => {
    await assert.rejects(client.chat.completions.create({ ...hello, ...fields }), (error) => {
      assert.ok(error instanceof kind, `${error}`);
      for (const [key, value] of Object.entries(expected)) assert.equal(error[key], value);
      return true;
    });
  };
  await rejects({ model: 'nope' }, OpenAI.NotFoundError, { status: 404, code: 'model_not_found', param: 'model' });
  await rejects({ temperature: 9 }, OpenAI.BadRequestError, { status: 400, param: 'temperature', type: 'invalid_request_error' });
  await rejects({ messages: [] }, OpenAI.BadRequestError, { param: 'messages' });
  await rejects({ messages: [{ role: 'user', content: 'word '.repeat(5000) }] }, OpenAI.BadRequestError, {
    code: 'context_length_exceeded',
  });
  await rejects({ response_format: { type: 'xml' } }, OpenAI.BadRequestError, { param: 'response_format.type' });
});

test('an aborted stream ends and the server goes on', async () => {
  const controller = new AbortController();
  const stream = await client.chat.completions.create({ ...hello, max_tokens: 900, stream: true }, { signal: controller.signal });
  let chunks = 0;
  for await (const _ of stream) {
    if (++chunks === 2) controller.abort();
  }
  assert.ok(chunks < 900);
  assert.ok((await client.chat.completions.create(hello)).choices[0].message.content.length > 0);
});

test('many at once are all answered alike', async () => {
  const answers = await Promise.all(Array.from({ length: 16 }, () => client.chat.completions.create(hello)));
  const texts = new Set(answers.map((answer) => answer.choices[0].message.content));
  assert.equal(texts.size, 1);
});

test('embeddings come as the client asks for them', async () => {
  const input = ['a cat', 'a kitten', 'the stock exchange'];
  // The client asks for base64 by itself and decodes it.
  const packed = await client.embeddings.create({ model: MODEL, input });
  const plain = await client.embeddings.create({ model: MODEL, input, encoding_format: 'float' });
  assert.equal(packed.object, 'list');
  assert.deepEqual(packed.data.map((item) => item.index), [0, 1, 2]);
  assert.ok(packed.usage.prompt_tokens > 3 && packed.usage.total_tokens === packed.usage.prompt_tokens);
  for (const [i, { embedding }] of packed.data.entries()) {
    assert.ok(Math.abs(Math.hypot(...embedding) - 1) < 1e-4);
    assert.deepEqual([...embedding].map(Math.fround), plain.data[i].embedding.map(Math.fround));
  }
  const cut = await client.embeddings.create({ model: MODEL, input: input[0], dimensions: 8 });
  assert.equal(cut.data[0].embedding.length, 8);
  assert.ok(Math.abs(Math.hypot(...cut.data[0].embedding) - 1) < 1e-4);
  const scale = plain.data[0].embedding[0] / cut.data[0].embedding[0];
  assert.ok(Math.abs(plain.data[0].embedding[7] - scale * cut.data[0].embedding[7]) < 1e-4);
  const ids = (await (await shimmy.post('/tokenize', { content: input[0], add_special: true })).json()).tokens;
  const byIds = await client.embeddings.create({ model: MODEL, input: [ids], encoding_format: 'float' });
  assert.ok(byIds.data[0].embedding.every((x, i) => Math.abs(x - plain.data[0].embedding[i]) < 1e-3));
});

test('embeddings that cannot be are refused', async () => {
  await assert.rejects(client.embeddings.create({ model: MODEL, input: '' }), OpenAI.BadRequestError);
  await assert.rejects(client.embeddings.create({ model: MODEL, input: [] }), OpenAI.BadRequestError);
  await assert.rejects(client.embeddings.create({ model: 'nope', input: 'x' }), OpenAI.NotFoundError);
  const tooLong = client.embeddings.create({ model: MODEL, input: ['x', 'word '.repeat(5000)] });
  await assert.rejects(tooLong, (error) => error.status === 400 && error.code === 'context_length_exceeded' && error.param === 'input[1]');
});
