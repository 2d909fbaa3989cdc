const MB = 1_000_000

/** What this process holds of the machine's memory, in MB. */
export const residentMb = (): number => process.memoryUsage.rss() / MB

/** The most that it has held since it began, in MB: by the kernel's count, so nothing falls between two samples. */
export const peakResidentMb = (): number => (process.resourceUsage().maxRSS * 1024) / MB
