// Uses a cluster through Node's client `etcd3` and checks each answer.
//
//   node main.mjs [--skip CHAPTER]... ENDPOINT...
//
// It prints a line for each chapter and ends with code 1 at the first answer that is not etcd's.
import { parseArgs } from 'node:util';
import { Etcd3 } from 'etcd3';
import { chapters } from './chapters.mjs';

// For one chapter on a busy machine.
const PATIENCE_MS = 60_000;

const { values, positionals: endpoints } = parseArgs({
  options: { skip: { type: 'string', multiple: true, default: [] } },
  allowPositionals: true,
});
const unknown = values.skip.filter(name => !(name in chapters));
if (endpoints.length === 0 || unknown.length > 0) {
  console.error(`usage: main.mjs [--skip CHAPTER]... ENDPOINT... (no chapter: ${unknown})`);
  process.exit(2);
}

function late(name) {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`${name} does not end`)), PATIENCE_MS).unref();
  });
}

const client = new Etcd3({ hosts: endpoints });
const another = new Etcd3({ hosts: endpoints });
const chosen = Object.entries(chapters).filter(([name]) => !values.skip.includes(name));
try {
  for (const [name, run] of chosen) {
    const began = Date.now();
    await Promise.race([run({ client, another, endpoints }), late(name)]).catch(error => {
      throw new Error(name, { cause: error });
    });
    console.log(`${name}: ${Date.now() - began} ms`);
  }
} catch (error) {
  console.error(error);
  process.exit(1);
}
console.log(`${chosen.length} chapters on ${endpoints.length} endpoints`);
process.exit(0);
