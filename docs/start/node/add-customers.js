// node add-customers.js 20000: adds so many customers
import { addCustomers, database } from "./customers.js";

const count = Number(process.argv[2]);
for (let first = 1; first <= count; first += 1000) {
  const numbers = Array.from({ length: Math.min(1000, count - first + 1) }, (_, at) => first + at);
  await addCustomers(numbers);
}
await database.end();
