// What npm's rrule says of rules: lines of rule, first and last day with tabs between, from stdin; the same with the days to stdout.
const { RRule } = require('rrule')
const iso = (day) => day.toISOString().slice(0, 10)

require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const [text, first, last] = line.split('\t')
  const days = (rule) => new RRule({ ...RRule.parseString(rule), dtstart: new Date(first + 'T00:00:00Z') }).all().map(iso)
  // COUNT is looked at apart: with it a rule without days is searched for thousands of years.
  const count = /;COUNT=(\d+)/.exec(text)
  let whole = count ? text.replace(count[0], '') : text
  if (!whole.includes('UNTIL')) whole += ';UNTIL=' + last.replaceAll('-', '')
  let found = days(whole)
  if (count) found = found.length >= +count[1] ? days(text) : found.slice(0, +count[1])
  console.log([text, first, last, found.join(' ')].join('\t'))
})
