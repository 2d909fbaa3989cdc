const MB = 1024 * 1024

/** What this process holds of the machine's memory, in MB. */
export const residentMb = (): number => process.memoryUsage.rss() / MB

/** The most that it has held since it began, in MB: by the kernel's count, so nothing falls between two samples. */
export const peakResidentMb = (): number => process.resourceUsage().maxRSS / 1024
