// One turn of `opencode`, an agent for the command line, whose only provider is the server: its long system prompt, its
// tools with their schemas, two streams at once (it also asks for a title).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { MODEL, Shimmy } from './program.mjs';

const TURN_MS = 240_000;
const program = join(import.meta.dirname, 'node_modules/opencode-linux-x64-baseline/bin/opencode');
const missing = process.arch === 'x64' ? false : 'the pinned program is for x86-64';

// Resolves to { code, output, log } when the agent has ended.
function run(home, baseURL, words) {
  const work = join(home, 'work');
  mkdirSync(work);
  const models = { [MODEL]: { name: 'Guide', limit: { context: 32768, output: 48 } } };
  const shimmy = { npm: '@ai-sdk/openai-compatible', name: 'Shimmy', options: { baseURL, apiKey: 'any' }, models };
  const config = { provider: { shimmy }, model: `shimmy/${MODEL}`, autoupdate: false, share: 'disabled' };
  writeFileSync(join(work, 'opencode.json'), JSON.stringify(config));
  const offline = ['MODELS_FETCH', 'AUTOUPDATE', 'LSP_DOWNLOAD', 'DEFAULT_PLUGINS'].map((what) => [`OPENCODE_DISABLE_${what}`, '1']);
  const agent = spawn(program, ['run', '--print-logs', words], {
    cwd: work,
    env: { PATH: process.env.PATH, HOME: home, ...Object.fromEntries(offline) },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TURN_MS,
  });
  let [output, log] = ['', ''];
  agent.stdout.on('data', (data) => (output += data));
  agent.stderr.on('data', (data) => (log += data));
  return new Promise((resolve) => agent.on('close', (code) => resolve({ code, output, log })));
}

test('an agent of the command line has its turn', { timeout: TURN_MS + 30_000, skip: missing }, async () => {
  assert.ok(existsSync(program), program);
  const shimmy = await Shimmy.start(['--ctx', '32768']);
  try {
    const { code, output, log } = await run(shimmy.home, `${shimmy.url}/v1`, 'Hello, who are you?');
    assert.equal(code, 0, log);
    assert.ok(output.trim().length > 20, output + log);
    assert.doesNotMatch(log, /level=ERROR/);
  } finally {
    await shimmy.stop();
  }
});
