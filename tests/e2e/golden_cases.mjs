// The requests whose answers are kept byte by byte, in golden/NAME.txt. A case is [path, body, options of the request].
// No stream of several choices: whose piece comes first is not told.
import { MODEL } from './program.mjs';

const CHAT = '/v1/chat/completions';
const TEXT = '/v1/completions';
const user = (content) => [{ role: 'user', content }];
const chat = (fields) => [CHAT, { model: MODEL, messages: user('Hello!'), temperature: 0, seed: 1, max_tokens: 8, ...fields }];
const text = (fields) => [TEXT, { model: MODEL, prompt: 'Shimmy is', temperature: 0, seed: 1, max_tokens: 6, ...fields }];
const usage = { stream: true, stream_options: { include_usage: true } };
const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather of a city',
    parameters: { type: 'object', properties: { city: { enum: ['Paris', 'Rome'] } }, required: ['city'], additionalProperties: false },
  },
};

export const CASES = {
  'chat': chat(),
  'chat-stream': chat({ stream: true }),
  'chat-stream-usage': chat(usage),
  'chat-n': chat({ n: 2, max_tokens: 3 }),
  'chat-stop': chat({ stop: ['small'] }),
  'chat-seeded': chat({ temperature: 2, seed: 7, max_tokens: 16 }),
  'chat-logprobs': chat({ logprobs: true, top_logprobs: 2, max_tokens: 2 }),
  'chat-logprobs-stream': chat({ logprobs: true, top_logprobs: 1, max_tokens: 2, stream: true }),
  'chat-tools-auto': chat({ tools: [weather] }),
  'chat-tools-required': chat({ tools: [weather], tool_choice: 'required', max_tokens: 60 }),
  'chat-tools-required-stream': chat({ tools: [weather], tool_choice: 'required', max_tokens: 60, ...usage }),
  'chat-tools-named': chat({ tools: [weather], tool_choice: { type: 'function', function: { name: 'get_weather' } }, max_tokens: 60 }),
  'chat-functions-stream': chat({ functions: [weather.function], function_call: { name: 'get_weather' }, max_tokens: 60, stream: true }),
  'chat-json-schema': chat({ response_format: { type: 'json_schema', json_schema: { name: 'city', strict: true, schema: weather.function.parameters } }, max_tokens: 60 }),
  'chat-developer-parts': chat({ messages: [{ role: 'developer', content: 'Be kind.' }, ...user([{ type: 'text', text: 'Hi' }])] }),
  'text': text(),
  'text-stream': text(usage),
  'text-echo-logprobs': text({ echo: true, logprobs: 2, max_tokens: 2 }),
  'text-batch-n': text({ prompt: ['Shimmy is', 'To start'], n: 2, max_tokens: 2 }),
  'text-token-ids': text({ prompt: [[1423], [1423, 11]], max_tokens: 2 }),
  'generate': ['/api/generate', { prompt: 'Shimmy is', temperature: 0, max_tokens: 6, stream: false }],
  'generate-stream': ['/api/generate', { prompt: 'Shimmy is', temperature: 0, max_tokens: 6 }],
  'tokenize': ['/tokenize', { content: 'Shimmy is', with_pieces: true }],
  'detokenize': ['/detokenize', { tokens: [1423] }],
  'apply-template': ['/apply-template', { messages: user('Hi') }],
  'models': ['/v1/models'],
  'model': [`/v1/models/${MODEL}`],
  'live': ['/live'],
  'error-invalid-json': [CHAT, '{"model":'],
  'error-invalid-type': chat({ temperature: 'hot' }),
  'error-invalid-value': chat({ n: 0 }),
  'error-missing-parameter': [CHAT, { model: MODEL }],
  'error-unsupported-value': chat({ messages: user([{ type: 'image_url', image_url: { url: 'data:,' } }]) }),
  'error-json-schema': chat({ response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'nonsense' } } } }),
  'error-context-length': chat({ messages: user('word '.repeat(1100)), stream: true }),
  'error-model-not-found': chat({ model: 'gone' }),
  'error-unknown-url': ['/v1/nope'],
  'error-method': [CHAT],
  'error-media-type': [CHAT, '{}', { headers: { 'content-type': 'text/plain' } }],
  'error-too-large': [CHAT, `{"x":"${'x'.repeat(70_000)}"}`],
  'error-unsupported': text({ suffix: 'end' }),
  'error-host': ['/health', null, { host: 'rebound.example' }],
  'error-origin': ['/health', null, { headers: { origin: 'https://elsewhere.example' } }],
  'cors-preflight': [CHAT, null, { method: 'OPTIONS', headers: { origin: 'http://localhost:3000', 'access-control-request-method': 'POST' } }],
};

// Against a server that asks for a key.
export const GUARDED_CASES = {
  'error-api-key': ['/v1/models'],
};

// Against a server that takes one request at a time and lets none wait.
export const BUSY_CASES = {
  'error-queue-full': chat(),
};
