// Encrypts and decrypts single values with AES-256-GCM.
// A stored value names its key: 2025:<nonce>:<tag>:<ciphertext>, the last three in base64.
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

const keys = JSON.parse(process.env.CELL_KEYS); // {"2025": "<base64>", "2026": "<base64>"}
const primary = process.env.CELL_PRIMARY;       // the key that encrypts: 2025 or 2026

export function seal(text) {
  if (text === null) return null;
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", Buffer.from(keys[primary], "base64"), nonce);
  const ciphertext = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  const parts = [nonce, cipher.getAuthTag(), ciphertext].map((part) => part.toString("base64"));
  return [primary, ...parts].join(":");
}

export function open(cell) {
  if (cell === null) return null;
  const [id, ...parts] = cell.split(":");
  const [nonce, tag, ciphertext] = parts.map((part) => Buffer.from(part, "base64"));
  const decipher = createDecipheriv("aes-256-gcm", Buffer.from(keys[id], "base64"), nonce);
  decipher.setAuthTag(tag);
  return Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString("utf8");
}
