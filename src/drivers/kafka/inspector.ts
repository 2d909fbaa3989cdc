/** What a group is, as its coordinator tells. */
export interface GroupState {
  /** `Stable`, `Empty`, `Dead` (never seen), … */
  readonly state: string
  /** `consumer`; of other programs something else; empty where nobody ever joined. */
  readonly protocolType: string
  /** How its members share out the partitions: `RoundRobinAssigner`, `range`. */
  readonly protocol: string
  readonly members: number
}

/** A broker of the cluster, and why it cannot be reached where it cannot. */
export interface BrokerReach {
  readonly address: string
  readonly failure: unknown
}

/** Questions of an inspection: each is answered within some seconds, or fails classified, and none changes anything. */
export interface Inspector {
  /** As of an `Admin`. */
  topics(): Promise<readonly string[]>
  /** As of an `Admin`. */
  ranges(topic: string): Promise<readonly { readonly partition: number; readonly low: number; readonly high: number }[]>
  /** As of an `Admin`. */
  committed(
    groupId: string,
    topics: readonly string[],
  ): Promise<readonly { readonly topic: string; readonly partition: number; readonly offset: number }[]>
  close(): Promise<void>
  /** All brokers, at the addresses that they give out. */
  brokers(): Promise<readonly BrokerReach[]>
  /** Reads the last record of a partition, for the right to read; gives its timestamp, null where there is none. `MILL_KAFKA_REFUSED` without the right. */
  read(topic: string, at: { readonly partition: number; readonly low: number; readonly high: number }): Promise<number | null>
  /** `MILL_KAFKA_REFUSED` without the right to write: asked by a record for a partition that there is not, which is never taken. */
  mayWrite(topic: string): Promise<void>
  /** `MILL_KAFKA_REFUSED` without the right to be a member: asked by a heartbeat of a member that there is not. */
  mayJoin(groupId: string): Promise<void>
  group(groupId: string): Promise<GroupState>
  /** Settings of a topic; undefined where they may not be asked for. */
  topicConfig(topic: string, names: readonly string[]): Promise<ReadonlyMap<string, string> | undefined>
}

/** How members of ours share out partitions: a group with members of another way does not take them. */
export const OUR_PROTOCOL = 'RoundRobinAssigner'
