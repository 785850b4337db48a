// --strict: what the clients send is known; what nobody knows is refused by name.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { MODEL, Shimmy } from './program.mjs';

let shimmy;
let client;
before(async () => {
  shimmy = await Shimmy.start(['--strict']);
  client = new OpenAI({ baseURL: `${shimmy.url}/v1`, apiKey: 'any', maxRetries: 0 });
});
after(() => shimmy.stop());

const messages = [{ role: 'user', content: 'Hello!' }];
const weather = {
  type: 'function',
  function: { name: 'get_weather', strict: true, parameters: { type: 'object', properties: { city: { enum: ['Rome'] } }, required: ['city'], additionalProperties: false } },
};

test('strict: unknown parameters are a 400 that names them, at any depth', async () => {
  const cases = [
    [{ max_token: 5 }, 'max_token', /did you mean 'max_tokens'/],
    [{ messages: [{ ...messages[0], contents: 'x' }] }, 'messages[0].contents', /content/],
    [{ stream: true, stream_options: { usage: true } }, 'stream_options.usage', /include_usage/],
    [{ response_format: { type: 'json_schema', json_schema: { name: 'x', schema: {}, shema: {} } } }, 'response_format.json_schema.shema', /schema/],
  ];
  for (const [fields, param, message] of cases) {
    const response = await shimmy.chat(fields);
    const { error } = await response.json();
    assert.deepEqual([response.status, error.type, error.param, error.code], [400, 'invalid_request_error', param, 'unknown_parameter']);
    assert.match(error.message, message);
  }
  assert.equal((await shimmy.chat({ max_token: null })).status, 200);
});

test('strict: a value out of range is told first', async () => {
  const { error } = await (await shimmy.chat({ max_token: 5, temperature: 3 })).json();
  assert.deepEqual([error.param, error.code], ['temperature', 'invalid_value']);
});

test('strict: nothing that the client openai sends is unknown', async () => {
  const round = await client.chat.completions.create({
    model: MODEL, messages, tools: [weather], tool_choice: 'required', parallel_tool_calls: false, max_completion_tokens: 60,
    store: false, metadata: { a: 'b' }, user: 'u', service_tier: 'auto', reasoning_effort: 'none', seed: 1, prompt_cache_key: 'k',
  });
  const { message } = round.choices[0];
  const stream = await client.chat.completions.create({
    model: MODEL, tools: [weather], max_tokens: 5, stream: true, stream_options: { include_usage: true, include_obfuscation: false },
    messages: [...messages, message, { role: 'tool', tool_call_id: message.tool_calls[0].id, content: 'Sunny' }],
  });
  let usage;
  for await (const chunk of stream) usage = chunk.usage;
  assert.equal(usage.completion_tokens, 5);
  await client.completions.create({ model: MODEL, prompt: 'Hi', max_tokens: 1, best_of: 2, echo: true, logprobs: 1, suffix: '' });
  await client.embeddings.create({ model: MODEL, input: ['Hi'], dimensions: 8 });
});
