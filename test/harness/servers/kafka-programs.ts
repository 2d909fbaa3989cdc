import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ServerMissing } from './server.js'

const run = promisify(execFile)

/** The Apache Kafka that tests run: `KAFKA_VERSION`, or 3.9.2. `npm run test:kafka4` chooses 4.3.1. */
export const kafkaVersion = process.env['KAFKA_VERSION'] || '3.9.2'

/** Any fixed id does: brokers of tests never meet. */
const CLUSTER_ID = 'MkU3OEVBNTcwNTJENDM2Qg'

/** Serial and C1 only: a third less CPU than the defaults, and the broker is never what limits a test. */
const JVM = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']

/** The least that a broker and its tools need; slf4j-simple prints what is wrong, without a file of settings. */
const POM = (version: string) => `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
 <groupId>local</groupId><artifactId>kafka-broker-libs</artifactId><version>1</version><packaging>pom</packaging>
 <dependencies>
  <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${version}</version></dependency>
  <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
 </dependencies></project>
`

/** Apache Kafka's programs: the jars of one version, and the Java that runs them. */
export class KafkaPrograms {
  private constructor(
    readonly version: string,
    private readonly java: string,
    /** Where the jars lie, outside the repository: `$XDG_CACHE_HOME/millrace/kafka/<version>`, by default below `~/.cache`. */
    readonly directory: string,
    private readonly classPath: string,
    /** Where an archive of the classes that a broker loads lies, or will: it halves the work of a start. */
    readonly archive: string,
    /** Where a formatted data directory lies, or will: a copy saves a JVM. */
    readonly formatted: string,
  ) {}

  /**
   * The programs of `version`. The first call for a version fetches its jars (about 48 MB, from where `mvn` is set to fetch) and says so: some 20 s.
   *
   * @throws {ServerMissing} Where Java 17 or newer is missing, or the jars are not there and Maven cannot fetch them.
   */
  static async ready(version: string = kafkaVersion): Promise<KafkaPrograms> {
    const { java, javaVersion } = await javaOf()
    const directory = join(cache(), version)
    if (!existsSync(directory)) await fetchJars(version, directory)
    const jars = (await readdir(directory)).filter(name => name.endsWith('.jar')).sort()
    const classPath = jars.map(name => join(directory, name)).join(':')
    return new KafkaPrograms(
      version,
      java,
      directory,
      classPath,
      join(directory, `classes-${javaVersion}.jsa`),
      join(directory, 'formatted'),
    )
  }

  /** Whether a broker was run here that left the archive and the formatted directory. */
  get areWarm(): boolean {
    return existsSync(this.archive) && existsSync(this.formatted)
  }

  /** The command that runs a broker by the properties at `file`; with `archive` it writes its archive of classes there when it ends by SIGTERM. */
  broker(file: string, archive?: string): string[] {
    const classes = archive
      ? [`-XX:ArchiveClassesAtExit=${archive}`]
      : existsSync(this.archive)
        ? [`-XX:SharedArchiveFile=${this.archive}`]
        : []
    return [...this.command('-Xms64m', '-Xmx384m', ...classes), 'kafka.Kafka', file]
  }

  /** Makes the data directory that the properties at `file` name; `options` as of `kafka-storage format`. */
  async format(file: string, options: readonly string[] = []): Promise<void> {
    const [java, ...before] = this.command('-Xmx128m')
    const format = ['kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', file, '--ignore-formatted', ...options]
    await run(java!, [...before, ...format])
  }

  private command(...options: string[]): string[] {
    const log = ['-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-Dorg.slf4j.simpleLogger.showDateTime=true']
    return [this.java, ...options, ...JVM, ...log, '-cp', this.classPath]
  }
}

function cache(): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'millrace', 'kafka')
}

/** `JAVA_HOME`'s Java, else that of PATH. */
async function javaOf(): Promise<{ java: string; javaVersion: string }> {
  const home = process.env['JAVA_HOME']
  const java = home ? join(home, 'bin', 'java') : 'java'
  const advice = 'Apache Kafka needs Java 17 or newer (Debian: apt-get install openjdk-17-jre-headless)'
  const { stderr } = await run(java, ['-version']).catch(() => {
    throw new ServerMissing(`${java} is not there: ${advice}`)
  })
  const javaVersion = /version "([\w.+-]+)"/.exec(stderr)?.[1] ?? 'of an unknown version'
  if (!(Number.parseInt(javaVersion, 10) >= 17)) throw new ServerMissing(`${java} is Java ${javaVersion}: ${advice}`)
  return { java, javaVersion }
}

/** Fetches beside the place and moves there: what is there is complete, also when two runs fetch at once. */
async function fetchJars(version: string, directory: string): Promise<void> {
  const begun = performance.now()
  console.log(`set-up: fetching the jars of Apache Kafka ${version} by mvn into ${directory} (about 48 MB; once, some 20 s)`)
  await mkdir(cache(), { recursive: true })
  const scratch = await mkdtemp(join(cache(), `.${version}-`))
  try {
    const pom = join(scratch, 'pom.xml')
    await writeFile(pom, POM(version))
    const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${join(scratch, 'jars')}`]
    await run('mvn', ['-B', '-q', '-f', pom, ...goal], { timeout: 600_000, maxBuffer: 16_777_216 }).catch(notFetched)
    await rename(join(scratch, 'jars'), directory).catch(error => {
      if (!existsSync(directory)) throw error
    })
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
  console.log(`set-up: Apache Kafka ${version} is there after ${((performance.now() - begun) / 1_000).toFixed(1)} s`)
}

function notFetched(error: Error & { code?: unknown; stdout?: string }): never {
  if (error.code === 'ENOENT')
    throw new ServerMissing("mvn, which fetches Apache Kafka's jars, is not there (Debian: apt-get install maven)")
  const said = (error.stdout ?? '').split('\n').filter(line => line.includes('ERROR'))
  throw new ServerMissing(`mvn could not fetch the jars of Apache Kafka: ${said[0] ?? error.message}`)
}
