/** The scrapers of the Collector's `hostmetrics`: its names, units and attributes, from the same files of /proc that it reads. */
import type { HostmetricsSettings, ScraperName } from '../hostmetrics.ts'
import type { Scraper, Surroundings } from '../scraper.ts'
import { cpu } from './cpu.ts'
import { disk } from './disk.ts'
import { filesystem } from './filesystem.ts'
import { load } from './load.ts'
import { memory } from './memory.ts'
import { network } from './network.ts'
import { paging } from './paging.ts'
import { process } from './process.ts'
import { processes } from './processes.ts'
import { system } from './system.ts'

type Scrapers = { readonly [S in ScraperName]: (around: Surroundings, settings: NonNullable<HostmetricsSettings[S]>) => Scraper }

/** In the order in which they run. */
export function collectorScrapers(settings: HostmetricsSettings, around: (name: ScraperName) => Surroundings): Scraper[] {
  const make = <S extends ScraperName>(name: S): Scraper[] => {
    const own = settings[name] as NonNullable<HostmetricsSettings[S]> | undefined
    return own === undefined ? [] : [scrapers[name](around(name), own)]
  }
  return (Object.keys(scrapers) as ScraperName[]).flatMap(make)
}

const scrapers: Scrapers = { cpu, load, memory, disk, filesystem, network, paging, processes, system, process }
