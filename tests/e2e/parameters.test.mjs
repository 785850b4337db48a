// What each parameter does, by the bytes on the wire.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { MODEL, Shimmy, sseEvents } from './program.mjs';

let shimmy;
before(async () => {
  shimmy = await Shimmy.start(['--deterministic']);
});
after(() => shimmy.stop());

const ok = async (response) => {
  const body = await response.json();
  assert.equal(response.status, 200, JSON.stringify(body));
  return body;
};
const refused = async (response, param, code, status = 400) => {
  const { error } = await response.json();
  assert.equal(response.status, status, JSON.stringify(error));
  assert.deepEqual([error.param, error.code], [param, code]);
};
const chat = (fields) => shimmy.chat({ max_tokens: 8, ...fields });
const say = async (fields) => (await ok(await chat(fields))).choices[0].message.content;
const complete = (fields) => shimmy.post('/v1/completions', { model: MODEL, prompt: 'Shimmy is', temperature: 0, max_tokens: 6, ...fields });
const user = (content) => ({ role: 'user', content });
const tokensOf = async (content) => (await ok(await shimmy.post('/tokenize', { content }))).tokens;

// ---- chat

test('n: so many choices, alike at temperature 0, each with a seed of its own above it', async () => {
  const cold = await ok(await chat({ n: 3 }));
  assert.deepEqual(cold.choices.map((choice) => choice.index), [0, 1, 2]);
  assert.equal(new Set(cold.choices.map((choice) => choice.message.content)).size, 1);
  const warm = await ok(await chat({ n: 2, temperature: 1.5, seed: 5, max_tokens: 20 }));
  const next = await say({ temperature: 1.5, seed: 6, max_tokens: 20 });
  assert.equal(warm.choices[1].message.content, next);
  assert.notEqual(warm.choices[0].message.content, next);
  await refused(await chat({ n: 0 }), 'n', 'invalid_value');
});

test('n streamed: a role first and one finish_reason for each choice', async () => {
  const events = await sseEvents(await chat({ n: 2, stream: true }));
  events.pop();
  for (const index of [0, 1]) {
    const choices = events.map((event) => event.choices[0]).filter((choice) => choice.index === index);
    assert.equal(choices[0].delta.role, 'assistant');
    assert.equal(choices.filter((choice) => choice.delta.role).length, 1);
    assert.equal(choices.filter((choice) => choice.finish_reason !== null).length, 1);
    assert.equal(choices.at(-1).finish_reason, 'length');
  }
});

test('stop: a string or up to four, not part of the answer; five are refused', async () => {
  const whole = await say({ max_tokens: 20 });
  const word = whole.split(' ')[2];
  for (const stop of [word, [word], ['never', 'no', 'nope', word]]) {
    const answer = await ok(await chat({ max_tokens: 20, stop }));
    assert.equal(answer.choices[0].message.content, whole.slice(0, whole.indexOf(word)));
    assert.equal(answer.choices[0].finish_reason, 'stop');
  }
  assert.equal(await say({ max_tokens: 20, stop: [] }), whole);
  await refused(await chat({ stop: ['a', 'b', 'c', 'd', 'e'] }), 'stop', 'invalid_value');
});

test('logit_bias: -100 forbids a token, 100 forces it', async () => {
  const [first] = await tokensOf(await say({ max_tokens: 1 }));
  assert.notEqual((await tokensOf(await say({ max_tokens: 1, logit_bias: { [first]: -100 } })))[0], first);
  const [word] = await tokensOf(' server');
  assert.equal(await say({ max_tokens: 3, logit_bias: { [word]: 100 } }), ' server server server');
  await refused(await chat({ logit_bias: { 1: 101 } }), 'logit_bias.1', 'invalid_value');
  await refused(await chat({ logit_bias: { x: 1 } }), 'logit_bias.x', 'invalid_value');
  await refused(await chat({ logit_bias: { 999999: 1 } }), 'logit_bias', 'invalid_value');
});

test('penalties: what was said is said less', async () => {
  const [word] = await tokensOf(' server');
  const count = async (fields) => (await say({ max_tokens: 20, ...fields })).split(' server').length - 1;
  let bias = 1; // the least push that makes the model say nothing else
  while (bias < 50 && (await count({ logit_bias: { [word]: bias } })) < 20) bias += 1;
  const pushed = { logit_bias: { [word]: bias } };
  assert.equal(await count(pushed), 20);
  assert.ok((await count({ ...pushed, frequency_penalty: 2 })) < 20);
  const letters = Object.fromEntries(Array.from({ length: 26 }, (_, i) => [97 + i, 60]));
  const distinct = async (fields) => {
    const answer = await ok(await chat({ max_tokens: 40, logprobs: true, logit_bias: letters, ...fields }));
    const tokens = answer.choices[0].logprobs.content.map(({ token }) => token);
    return new Set(tokens).size;
  };
  assert.ok((await distinct({ presence_penalty: 2 })) > (await distinct({ presence_penalty: -2 })));
  await refused(await chat({ frequency_penalty: 2.1 }), 'frequency_penalty', 'invalid_value');
  await refused(await chat({ presence_penalty: -2.1 }), 'presence_penalty', 'invalid_value');
});

test('temperature and top_p: 0 is the likeliest; a seed repeats a draw', async () => {
  const cold = await say({});
  assert.equal(await say({ temperature: 1.9, top_p: 0 }), cold);
  const warm = { temperature: 1.5, max_tokens: 20 };
  assert.equal(await say({ ...warm, seed: 1 }), await say({ ...warm, seed: 1 }));
  assert.notEqual(await say({ ...warm, seed: 1 }), await say({ ...warm, seed: 2 }));
  await refused(await chat({ temperature: 2.1 }), 'temperature', 'invalid_value');
  await refused(await chat({ top_p: 1.1 }), 'top_p', 'invalid_value');
});

test('max_completion_tokens wins over max_tokens; null counts as absent', async () => {
  const tokens = async (fields) => (await ok(await shimmy.chat(fields))).usage.completion_tokens;
  assert.equal(await tokens({ max_completion_tokens: 2, max_tokens: 5 }), 2);
  assert.equal(await tokens({ max_completion_tokens: 5, max_tokens: 2 }), 5);
  assert.equal(await tokens({ max_completion_tokens: null, max_tokens: 3 }), 3);
});

test('logprobs: finite, at most 0, with the bytes; top_logprobs needs it', async () => {
  const answer = await ok(await chat({ logprobs: true, top_logprobs: 20, max_tokens: 4 }));
  const { content, refusal } = answer.choices[0].logprobs;
  assert.equal(refusal, null);
  assert.equal(content.length, 4);
  for (const token of content) {
    assert.equal(Buffer.from(token.bytes).toString(), token.token);
    assert.equal(token.top_logprobs.length, 20);
    assert.equal(token.top_logprobs[0].logprob, token.logprob);
    for (const { logprob } of token.top_logprobs) assert.ok(Number.isFinite(logprob) && logprob <= 0);
  }
  assert.equal(content.map((token) => token.token).join(''), answer.choices[0].message.content);
  const alone = await ok(await chat({ logprobs: true, max_tokens: 1 }));
  assert.deepEqual(alone.choices[0].logprobs.content[0].top_logprobs, []);
  await refused(await chat({ top_logprobs: 2 }), 'top_logprobs', 'invalid_value');
  await refused(await chat({ logprobs: true, top_logprobs: 21 }), 'top_logprobs', 'invalid_value');
});

test('logprobs are the model’s own: temperature, bias and penalties do not move them', async () => {
  const of = async (fields) => (await ok(await chat({ logprobs: true, max_tokens: 1, ...fields }))).choices[0].logprobs.content[0];
  const plain = await of({});
  assert.equal((await of({ temperature: 2, top_k: 1 })).logprob, plain.logprob);
  const [first] = await tokensOf(plain.token);
  const forced = await of({ logit_bias: { [first]: 50 } });
  assert.equal(forced.logprob, plain.logprob);
});

test('developer is system', async () => {
  const prompt = async (role) =>
    (await ok(await shimmy.post('/apply-template', { messages: [{ role, content: 'Be brief.' }, user('Hi')] }))).prompt;
  assert.equal(await prompt('developer'), await prompt('system'));
  await refused(await chat({ messages: [{ role: 'bot', content: 'x' }] }), 'messages[0].role', 'invalid_value');
});

test('content parts: texts count as text, what is no text is refused by its path', async () => {
  const parts = [{ type: 'text', text: 'Hel' }, { type: 'text', text: 'lo' }];
  assert.equal(await say({ messages: [user(parts)] }), await say({ messages: [user('Hel\nlo')] }));
  const image = { type: 'image_url', image_url: { url: 'data:,' } };
  await refused(await chat({ messages: [user([parts[0], image])] }), 'messages[0].content[1].type', 'unsupported_value');
});

test('a call and its result go back to the model, with a content of null', async () => {
  const call = { id: 'c1', type: 'function', function: { name: 'add', arguments: '{"a":1}' } };
  const messages = [user('1+1?'), { role: 'assistant', content: null, tool_calls: [call] }, { role: 'tool', tool_call_id: 'c1', content: '2' }];
  const { prompt } = await ok(await shimmy.post('/apply-template', { messages }));
  assert.ok(prompt.includes('{"name":"add","arguments":{"a":1}}'), prompt);
  assert.ok(!prompt.includes('None'), prompt);
  await ok(await chat({ messages }));
  const broken = { role: 'assistant', tool_calls: [{ id: 'c1', type: 'function', function: { name: 'add', arguments: 5 } }] };
  await refused(await chat({ messages: [broken] }), 'messages[0].tool_calls[0].function.arguments', 'invalid_type');
});

test('ignored fields are ignored, unknown ones too', async () => {
  const ignored = {
    user: 'u', metadata: { a: 'b' }, store: true, service_tier: 'auto', prompt_cache_key: 'k', safety_identifier: 's',
    verbosity: 'low', modalities: ['text'], prediction: { type: 'content', content: 'x' }, no_such_field: [1],
  };
  assert.equal(await say(ignored), await say({}));
});

test('reasoning_effort: the seven words, or a 400', async () => {
  for (const effort of ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']) await say({ reasoning_effort: effort, max_tokens: 1 });
  await refused(await chat({ reasoning_effort: 'lots' }), 'reasoning_effort', 'invalid_value');
});

test('stream_options without stream is refused', async () => {
  await refused(await chat({ stream_options: { include_usage: true } }), 'stream_options', 'invalid_value');
  await ok(await chat({ stream: false, stream_options: null }));
});

test('tools that are not functions are ignored; none keeps the model from calling', async () => {
  const functions = [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }];
  assert.equal(await say({ tools: [{ type: 'web_search' }] }), await say({}));
  assert.equal(await say({ tools: functions, tool_choice: 'none' }), await say({}));
  await refused(await chat({ tools: functions, tool_choice: { type: 'function', function: { name: 'g' } } }), 'tool_choice', 'invalid_value');
  await refused(await chat({ tool_choice: 'required' }), 'tool_choice', 'invalid_value');
});

test('a prompt beyond the context is a 400 with both numbers, streamed or not', async () => {
  for (const stream of [false, true]) {
    const response = await chat({ stream, messages: [user('word '.repeat(4000))] });
    assert.equal(response.status, 400);
    const { error } = await response.json();
    assert.deepEqual([error.code, error.param], ['context_length_exceeded', 'messages']);
    assert.match(error.message, /4,0\d\d tokens.*1,024 tokens/);
  }
});

test('truncation: auto cuts the oldest turns, or the beginning of a text, and says what', async () => {
  const turns = (count) => Array.from({ length: count }, (_, i) => ({ role: i % 2 ? 'assistant' : 'user', content: `${i} ${'word '.repeat(40)}` }));
  const long = [{ role: 'system', content: 'Be kind.' }, ...turns(60), user('Hello!')];
  await refused(await chat({ messages: long }), 'messages', 'context_length_exceeded');
  await refused(await chat({ messages: long, truncation: 'disabled' }), 'messages', 'context_length_exceeded');
  const cut = await ok(await chat({ messages: long, truncation: 'auto' }));
  const { messages, tokens } = cut.truncation;
  assert.ok(messages > 0 && messages < 60 && messages % 2 === 0, `${messages}`);
  const shorter = [long[0], ...long.slice(1 + messages)];
  const same = await ok(await chat({ messages: shorter, truncation: 'auto' }));
  assert.deepEqual(same.truncation, { messages: 0, tokens: 0 });
  assert.deepEqual(same.choices, cut.choices);
  assert.equal(same.usage.prompt_tokens, cut.usage.prompt_tokens);
  await refused(await chat({ messages: [long[0], ...long.slice(messages - 1)] }), 'messages', 'context_length_exceeded');
  const events = await sseEvents(await chat({ messages: long, truncation: 'auto', stream: true, stream_options: { include_usage: true } }));
  assert.deepEqual(events.filter((event) => event.truncation).map((event) => event.truncation), Array(2).fill({ messages, tokens }));
  const text = await ok(await complete({ prompt: 'word '.repeat(1500), truncation: 'auto' }));
  assert.ok(text.truncation.tokens > 400);
  assert.equal(text.usage.prompt_tokens, 1024 - 6);
});

// ---- completions

test('best_of: the choices with the highest mean logprob, the best first, whole only', async () => {
  const mean = ({ logprobs }) => logprobs.token_logprobs.reduce((sum, each) => sum + each, 0) / logprobs.tokens.length;
  const sampled = { temperature: 2, seed: 5, logprobs: 0 };
  const all = await ok(await complete({ ...sampled, n: 6 }));
  const best = await ok(await complete({ ...sampled, n: 2, best_of: 6 }));
  const byMean = all.choices.toSorted((a, b) => mean(b) - mean(a)).map((choice) => choice.text);
  assert.deepEqual(best.choices.map((choice) => choice.text), byMean.slice(0, 2));
  assert.deepEqual(best.choices.map((choice) => choice.index), [0, 1]);
  assert.equal(best.usage.completion_tokens, all.usage.completion_tokens);
  const plain = await ok(await complete({ ...sampled, logprobs: null, best_of: 6 }));
  assert.deepEqual(plain.choices.map((choice) => [choice.text, choice.logprobs]), [[byMean[0], null]]);
  await refused(await complete({ best_of: 2, stream: true }), 'best_of', 'invalid_value');
  await refused(await complete({ best_of: 2, n: 3 }), 'best_of', 'invalid_value');
});

test('prompts: a text, texts, token ids, lists of token ids; choices prompt by prompt', async () => {
  const ids = await tokensOf('Shimmy is');
  const textOf = async (fields) => (await ok(await complete(fields))).choices.map((choice) => choice.text);
  const [text] = await textOf({});
  assert.deepEqual(await textOf({ prompt: ids }), [text]);
  assert.deepEqual(await textOf({ prompt: [ids, ids] }), [text, text]);
  const [other] = await textOf({ prompt: 'To start' });
  assert.notEqual(other, text);
  const both = await ok(await complete({ prompt: ['Shimmy is', 'To start'], n: 2 }));
  assert.deepEqual(both.choices.map((choice) => [choice.index, choice.text]), [[0, text], [1, text], [2, other], [3, other]]);
  for (const prompt of [[], [5, 'a'], [['a']], 7, {}]) assert.equal((await complete({ prompt })).status, 400);
  assert.equal((await ok(await complete({ prompt: '' }))).usage.prompt_tokens, 1);
});

test('echo: the prompt first, with its logprobs and null for the first token', async () => {
  const plain = await ok(await complete({}));
  const echoed = await ok(await complete({ echo: true, logprobs: 1 }));
  assert.equal(echoed.choices[0].text, `Shimmy is${plain.choices[0].text}`);
  const { tokens, token_logprobs: logprobs, top_logprobs: top, text_offset: offsets } = echoed.choices[0].logprobs;
  assert.equal(tokens.join(''), echoed.choices[0].text);
  assert.equal(logprobs[0], null);
  assert.equal(top[0], null);
  assert.ok(logprobs.slice(1).every((value) => value <= 0));
  assert.deepEqual(offsets, tokens.map((_, i) => tokens.slice(0, i).join('').length));
  const alone = (await ok(await complete({ logprobs: 1 }))).choices[0].logprobs;
  assert.equal(alone.text_offset[0], 'Shimmy is'.length);
  assert.deepEqual(alone.text_offset, offsets.slice(-alone.tokens.length));
  const byIds = await sseEvents(await complete({ logprobs: 1, stream: true, prompt: await tokensOf('Shimmy is') }));
  assert.deepEqual(byIds.flatMap((event) => event.choices?.[0].logprobs?.text_offset ?? []), alone.text_offset);
  const scored = await ok(await complete({ echo: true, logprobs: 0, max_tokens: 0 }));
  assert.equal(scored.choices[0].text, 'Shimmy is');
  assert.equal(scored.usage.completion_tokens, 0);
});

test('integer logprobs: the likeliest and the chosen token, 0 to 5', async () => {
  for (const count of [0, 1, 5]) {
    const answer = await ok(await complete({ logprobs: count, temperature: 1.5, seed: 3 }));
    const { tokens, token_logprobs: logprobs, top_logprobs: top } = answer.choices[0].logprobs;
    for (const [i, token] of tokens.entries()) {
      assert.equal(top[i][token], logprobs[i]);
      assert.ok(Object.keys(top[i]).length <= count + 1 && Object.keys(top[i]).length >= Math.max(count, 1));
    }
  }
  await refused(await complete({ logprobs: 6 }), 'logprobs', 'invalid_value');
  await refused(await complete({ logprobs: true }), 'logprobs', 'invalid_type');
});

test('max_tokens of completions is 16 without a word', async () => {
  assert.equal((await ok(await complete({ max_tokens: undefined }))).usage.completion_tokens, 16);
});

test('suffix: a model without tokens for it says so', async () => {
  await refused(await complete({ suffix: 'end' }), 'suffix', 'unsupported', 501);
});

test('a streamed completion: the same text, the usage at the end', async () => {
  const plain = await ok(await complete({ n: 2 }));
  const events = await sseEvents(await complete({ n: 2, stream: true, stream_options: { include_usage: true } }));
  assert.equal(events.pop(), 'DONE');
  const last = events.pop();
  assert.deepEqual([last.choices, last.usage.completion_tokens], [[], plain.usage.completion_tokens]);
  for (const { index, text, finish_reason: reason } of plain.choices) {
    const chunks = events.flatMap((event) => event.choices).filter((choice) => choice.index === index);
    assert.equal(chunks.map((chunk) => chunk.text).join(''), text);
    assert.deepEqual(chunks.map((chunk) => chunk.finish_reason).filter(Boolean), [reason]);
  }
});

// ---- models and routes

test('/v1/models/{id}: by id, escaped or not; else model_not_found', async () => {
  const { data } = await ok(await shimmy.get('/v1/models'));
  assert.deepEqual(await ok(await shimmy.get(`/v1/models/${MODEL}`)), data[0]);
  assert.equal((await ok(await shimmy.get('/models/shimmy%2Dguide'))).id, MODEL);
  await refused(await shimmy.get('/v1/models/gone'), 'model', 'model_not_found', 404);
  await refused(await chat({ model: 'gone' }), 'model', 'model_not_found', 404);
});

test('every route answers with /v1 and without', async () => {
  const { paths } = await ok(await shimmy.get('/openapi.json'));
  for (const [path, methods] of Object.entries(paths)) {
    for (const prefix of ['', '/v1']) {
      const target = prefix + path.replace('{id}', MODEL);
      const response = methods.get ? await shimmy.get(target) : await shimmy.post(target, '{');
      assert.equal(response.status, methods.get ? 200 : 400, target);
      await response.arrayBuffer();
    }
  }
});

test('a wrong method is a 405 with Allow, a wrong path a 404', async () => {
  const wrong = await shimmy.get('/v1/chat/completions');
  assert.deepEqual([wrong.status, wrong.headers.get('allow')], [405, 'POST, OPTIONS']);
  await refused(wrong, null, 'method_not_allowed', 405);
  await refused(await shimmy.get('/v1/nope'), null, 'unknown_url', 404);
});

test('a body that is no JSON, or not said to be, is refused', async () => {
  for (const body of ['', '{', '[]', '"x"', '{"a":1,"a":2}', '{"a":1}x']) {
    const response = await shimmy.post('/v1/chat/completions', body);
    assert.equal(response.status, 400, body);
  }
  const headers = { 'content-type': 'text/plain' };
  await refused(await shimmy.post('/v1/chat/completions', '{}', { headers }), null, 'unsupported_media_type', 415);
});

test('a key: 401 with WWW-Authenticate without it, either header with it', async () => {
  const guarded = await Shimmy.start(['--api-key', 'sesame-open-1']);
  try {
    for (const headers of [{}, { authorization: 'Bearer wrong' }]) {
      const response = await guarded.get('/v1/models', headers);
      assert.equal(response.headers.get('www-authenticate'), 'Bearer');
      await refused(response, null, 'invalid_api_key', 401);
    }
    for (const headers of [{ authorization: 'Bearer sesame-open-1' }, { 'x-api-key': 'sesame-open-1' }]) {
      await ok(await guarded.get('/v1/models', headers));
    }
    await ok(await guarded.get('/health'));
  } finally {
    await guarded.stop();
  }
});
