// node read-customers.js: decrypts every customer, and checks each address
import { check, database, readCustomers } from "./customers.js";

const customers = await readCustomers();
customers.forEach(check);
console.log(`${customers.length} customers, all readable`);
await database.end();
