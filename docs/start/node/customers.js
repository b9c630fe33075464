import mysql from "mysql2/promise";
import { open, seal } from "./cells.js";

export const database = mysql.createPool(process.env.DATABASE_URL);

const phoneOf = (number) => (number % 5 ? `+49 30 ${100000 + number}` : null);
const addressOf = (number) => `${number} Library Street, 10115 Berlin`;

export async function addCustomers(numbers) {
  const rows = numbers.map((n) => [`Customer ${n}`, seal(phoneOf(n)), seal(addressOf(n))]);
  await database.query("INSERT INTO customers (name, phone, address) VALUES ?", [rows]);
}

export async function changePhone(id, phone) {
  await database.execute("UPDATE customers SET phone = ? WHERE id = ?", [seal(phone), id]);
}

export async function readCustomers() {
  const [rows] = await database.query("SELECT id, name, phone, address FROM customers ORDER BY id");
  return rows.map((row) => ({ ...row, phone: open(row.phone), address: open(row.address) }));
}

export function check(customer) {
  const number = Number(customer.name.split(" ")[1]);
  if (customer.address !== addressOf(number)) throw new Error(`customer ${customer.id} has a wrong address`);
}
