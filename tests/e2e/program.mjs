// Starts `shimmy serve` with nothing but the built-in model, and ends it by its process id.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const MODEL = 'shimmy-guide';
const READY_MS = 20_000;
const END_MS = 20_000;

export class Shimmy {
  // Resolves when the banner has said where the server listens.
  static async start(extraArguments = []) {
    const shimmy = new Shimmy();
    shimmy.home = mkdtempSync(join(tmpdir(), 'shimmy-e2e-'));
    const environment = { PATH: process.env.PATH, HOME: shimmy.home, NO_COLOR: '1' };
    for (const name of ['LD_LIBRARY_PATH', 'ASAN_OPTIONS', 'UBSAN_OPTIONS', 'TSAN_OPTIONS']) {
      if (process.env[name]) environment[name] = process.env[name];
    }
    const binary = process.env.SHIMMY;
    if (!binary) throw new Error('SHIMMY must name the program');
    shimmy.process = spawn(binary, ['serve', '--bind', '127.0.0.1:0', ...extraArguments], {
      cwd: shimmy.home,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    shimmy.output = '';
    shimmy.log = '';
    shimmy.ended = new Promise((resolve) => shimmy.process.on('close', (code, signal) => resolve({ code, signal })));
    shimmy.process.stderr.on('data', (data) => (shimmy.log += data));
    shimmy.url = await new Promise((resolve, refuse) => {
      const reject = (error) => {
        shimmy.process.kill('SIGKILL');
        refuse(error);
      };
      const timer = setTimeout(() => reject(new Error(`not ready: ${shimmy.output}${shimmy.log}`)), READY_MS);
      shimmy.ended.then(() => reject(new Error(`ended at once: ${shimmy.output}${shimmy.log}`)));
      shimmy.process.stdout.on('data', (data) => {
        shimmy.output += data;
        const found = /http:\/\/127\.0\.0\.1:\d+/.exec(shimmy.output);
        if (!found) return;
        clearTimeout(timer);
        resolve(found[0]);
      });
    });
    shimmy.port = Number(new URL(shimmy.url).port);
    return shimmy;
  }

  get pid() {
    return this.process.pid;
  }

  // SIGTERM; resolves to { code, signal }.
  async stop(signal = 'SIGTERM') {
    process.kill(this.pid, signal);
    const timer = setTimeout(() => process.kill(this.pid, 'SIGKILL'), END_MS);
    const result = await this.ended;
    clearTimeout(timer);
    rmSync(this.home, { recursive: true, force: true });
    return result;
  }

  get(path, headers = {}) {
    return fetch(this.url + path, { headers });
  }

  post(path, body, options = {}) {
    return fetch(this.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...options.headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      signal: options.signal,
    });
  }

  chat(fields = {}, options = {}) {
    return this.post(
      '/v1/chat/completions',
      { model: MODEL, temperature: 0, messages: [{ role: 'user', content: 'Hello!' }], ...fields },
      options,
    );
  }

  // Sends bytes as they stand; resolves to all that comes back, a character a byte, until the server closes or `ms` have
  // passed.
  raw(bytes, ms = 5_000) {
    return new Promise((resolve, reject) => {
      let received = '';
      const socket = net.connect(this.port, '127.0.0.1', () => socket.write(bytes));
      const done = () => {
        socket.destroy();
        resolve(received);
      };
      const timer = setTimeout(done, ms);
      socket.on('data', (data) => (received += data.toString('latin1')));
      socket.on('close', () => {
        clearTimeout(timer);
        done();
      });
      socket.on('error', reject);
    });
  }
}

// The data lines of an event stream, parsed; 'DONE' for the last.
export async function sseEvents(response) {
  const text = await response.text();
  return text
    .split('\n\n')
    .filter((frame) => frame !== '')
    .map((frame) => {
      if (!frame.startsWith('data: ')) throw new Error(`not a data line: ${frame}`);
      const data = frame.slice('data: '.length);
      return data === '[DONE]' ? 'DONE' : JSON.parse(data);
    });
}
