// How to reach Kafka, from the environment: in the clear, or with TLS and a password.

import { readFileSync } from 'node:fs'

export function settings () {
  const given = { clientId: 'changqing-sample', bootstrapBrokers: process.env.KAFKA_BOOTSTRAP.split(',') }
  if (process.env.KAFKA_USER) {
    given.tls = { ca: readFileSync(process.env.KAFKA_CA) }
    given.sasl = { mechanism: 'SCRAM-SHA-512', username: process.env.KAFKA_USER, password: process.env.KAFKA_PASSWORD }
  }
  return given
}

// The headers of a message as one object of text.
export function headersOf (message) {
  return Object.fromEntries([...message.headers].map(([name, value]) => [name.toString(), value.toString()]))
}
