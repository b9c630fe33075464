// node serve-customers.js 600: the application at work; adds and changes customers for so many seconds
import { setTimeout } from "node:timers/promises";
import { addCustomers, changePhone, database } from "./customers.js";

const end = Date.now() + 1000 * Number(process.argv[2]);
const [[{ count }]] = await database.query("SELECT COUNT(*) AS count FROM customers");
for (let number = count + 1; Date.now() < end; number += 1) {
  await addCustomers([number]);
  await changePhone(1 + Math.floor(Math.random() * count), `+49 40 ${100000 + number}`);
  await setTimeout(10);
}
await database.end();
