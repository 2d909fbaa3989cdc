import { decode, definePipeline, join, type KafkaConnection, kafkaQuarantine, kafkaSink, kafkaSource, validate } from 'millrace'
import { bufferTime, filter, groupBy, map, mergeMap } from 'rxjs'

const payment = {
  type: 'object',
  properties: { account: { type: 'string' }, cents: { type: 'integer' } },
  required: ['account', 'cents'],
} as const

/** The topics of {@link accountTotals}. */
export interface Topics {
  readonly payments: string
  readonly totals: string
  /** Made where it is missing. */
  readonly failed: string
}

/**
 * A pipeline composed of RxJS operators, topic to topic: the payments of each account within a moment become one message, keyed by the account.
 *
 * `join` makes one record of many: it settles for all of them, so no payment is committed before its total is written. What is filtered out here is
 * empty lists; a record that should go without a row is given to `keep` or `skip`, since the run waits for every one.
 */
export const accountTotals = (cluster: KafkaConnection, topics: Topics, groupId: string, momentMs = 500) =>
  definePipeline({
    name: 'account-totals',
    source: kafkaSource({ ...cluster, topics: [topics.payments], groupId }),
    steps: records =>
      records.pipe(
        decode('json'),
        validate(payment),
        groupBy(({ value }) => value.account),
        mergeMap(ofAccount =>
          ofAccount.pipe(
            bufferTime(momentMs, null, 1_000),
            filter(payments => payments.length > 0),
            map(payments => {
              const cents = payments.reduce((sum, { value }) => sum + value.cents, 0)
              return join(payments, { account: ofAccount.key, payments: payments.length, cents })
            }),
          ),
        ),
      ),
    sink: kafkaSink<{ readonly account: string; readonly payments: number; readonly cents: number }>({
      ...cluster,
      topic: topics.totals,
      key: ({ account }) => account,
      headers: () => [],
    }),
    onFailure: kafkaQuarantine({ ...cluster, topic: topics.failed, create: true }),
  })
