# op-time: Where the time of an op goes
# Draw again with: gnuplot op-time.gp (in this folder)
reset session
set encoding utf8
set datafile separator '\t'
font = 'DejaVu Sans,10'
heading = 'munmap of a large mapping while ps reads: Where the time of an op goes'
set border 3 lc rgb '#555555' lw 1
set tics nomirror out scale 0.5 textcolor rgb '#333333'
set grid back lt 1 lc rgb '#e2e2e2' lw 1
set title textcolor rgb '#111111'
set xlabel textcolor rgb '#333333'
set ylabel textcolor rgb '#333333'
set key textcolor rgb '#222222'
do for [form in 'png svg'] {
if (form eq 'png') { set terminal pngcairo noenhanced size 1000,464 font font background rgb 'white' }
if (form eq 'svg') { set terminal svg noenhanced size 1000,464 dynamic font 'sans-serif,10' fontscale 1.25 background rgb 'white' }
set output 'op-time.'.form
set multiplot title heading font ',13' offset 0,-0.3 \
  layout 2,2 margins screen 0.2680,0.97,0.1724,0.8319 spacing screen 0.0360,0.2069
set yrange [0.4:3.6]
set ytics scale 0
set xlabel 'time, all ops of the kind together'
set style fill solid 1 border rgb 'white'
set title 'fault'
set xrange [0:8253451.8]
set xtics ('0' 0, '2 ms' 2000000, '4 ms' 4000000, '6 ms' 6000000, '8 ms' 8000000)
set key at screen 0.535,0.0172 center bottom vertical maxrows 1 Left reverse noautotitle samplen 2 width 1 spacing 1.2 font ',10'
set format y
plot \
  'op-time.dat' index 0 using 2:1:2:3:($1-0.34):($1+0.34):ytic(5) with boxxyerror lw 0.6 fc rgb '#0072B2' title 'work', \
  'op-time.dat' index 1 using 2:1:2:3:($1-0.34):($1+0.34):ytic(5) with boxxyerror lw 0.6 fc rgb '#56B4E9' title 'cache lines', \
  'op-time.dat' index 2 using 2:1:2:3:($1-0.34):($1+0.34):ytic(5) with boxxyerror lw 0.6 fc rgb '#D55E00' title 'spinning', \
  'op-time.dat' index 3 using 2:1:2:3:($1-0.34):($1+0.34):ytic(5) with boxxyerror lw 0.6 fc rgb '#f0bd98' title 'sleeping', \
  'op-time.dat' index 4 using 2:1:2:3:($1-0.34):($1+0.34):ytic(5) with boxxyerror lw 0.6 fc rgb '#b0b0b0' title 'run queue', \
  'op-time.dat' index 5 using 2:1:2:3:($1-0.34):($1+0.34):ytic(5) with boxxyerror lw 0.6 fc rgb '#CC79A7' title 'interrupts'
set title 'munmap'
set xrange [0:1985103.55]
set xtics ('0' 0, '500 µs' 500000, '1 ms' 1000000, '1.5 ms' 1500000, '2 ms' 2000000)
unset key
set format y ''
plot \
  'op-time.dat' index 6 using 2:1:2:3:($1-0.34):($1+0.34):ytic('') with boxxyerror lw 0.6 fc rgb '#0072B2' title 'work', \
  'op-time.dat' index 7 using 2:1:2:3:($1-0.34):($1+0.34):ytic('') with boxxyerror lw 0.6 fc rgb '#56B4E9' title 'cache lines', \
  'op-time.dat' index 8 using 2:1:2:3:($1-0.34):($1+0.34):ytic('') with boxxyerror lw 0.6 fc rgb '#D55E00' title 'spinning', \
  'op-time.dat' index 9 using 2:1:2:3:($1-0.34):($1+0.34):ytic('') with boxxyerror lw 0.6 fc rgb '#f0bd98' title 'sleeping', \
  'op-time.dat' index 10 using 2:1:2:3:($1-0.34):($1+0.34):ytic('') with boxxyerror lw 0.6 fc rgb '#b0b0b0' title 'run queue', \
  'op-time.dat' index 11 using 2:1:2:3:($1-0.34):($1+0.34):ytic('') with boxxyerror lw 0.6 fc rgb '#CC79A7' title 'interrupts'
set title 'mmap'
set xrange [0:963922.067]
set xtics ('0' 0, '200 µs' 200000, '400 µs' 400000, '600 µs' 600000, '800 µs' 800000)
unset key
set format y
plot \
  'op-time.dat' index 12 using 2:1:2:3:($1-0.34):($1+0.34):ytic(5) with boxxyerror lw 0.6 fc rgb '#0072B2' title 'work', \
  'op-time.dat' index 13 using 2:1:2:3:($1-0.34):($1+0.34):ytic(5) with boxxyerror lw 0.6 fc rgb '#56B4E9' title 'cache lines', \
  'op-time.dat' index 14 using 2:1:2:3:($1-0.34):($1+0.34):ytic(5) with boxxyerror lw 0.6 fc rgb '#D55E00' title 'spinning', \
  'op-time.dat' index 15 using 2:1:2:3:($1-0.34):($1+0.34):ytic(5) with boxxyerror lw 0.6 fc rgb '#f0bd98' title 'sleeping', \
  'op-time.dat' index 16 using 2:1:2:3:($1-0.34):($1+0.34):ytic(5) with boxxyerror lw 0.6 fc rgb '#b0b0b0' title 'run queue', \
  'op-time.dat' index 17 using 2:1:2:3:($1-0.34):($1+0.34):ytic(5) with boxxyerror lw 0.6 fc rgb '#CC79A7' title 'interrupts'
set title 'proc-read-cmdline'
set xrange [0:15439.0133]
set xtics ('0' 0, '5 µs' 5000, '10 µs' 10000, '15 µs' 15000)
unset key
set format y ''
plot \
  'op-time.dat' index 18 using 2:1:2:3:($1-0.34):($1+0.34):ytic('') with boxxyerror lw 0.6 fc rgb '#0072B2' title 'work', \
  'op-time.dat' index 19 using 2:1:2:3:($1-0.34):($1+0.34):ytic('') with boxxyerror lw 0.6 fc rgb '#56B4E9' title 'cache lines', \
  'op-time.dat' index 20 using 2:1:2:3:($1-0.34):($1+0.34):ytic('') with boxxyerror lw 0.6 fc rgb '#D55E00' title 'spinning', \
  'op-time.dat' index 21 using 2:1:2:3:($1-0.34):($1+0.34):ytic('') with boxxyerror lw 0.6 fc rgb '#f0bd98' title 'sleeping', \
  'op-time.dat' index 22 using 2:1:2:3:($1-0.34):($1+0.34):ytic('') with boxxyerror lw 0.6 fc rgb '#b0b0b0' title 'run queue', \
  'op-time.dat' index 23 using 2:1:2:3:($1-0.34):($1+0.34):ytic('') with boxxyerror lw 0.6 fc rgb '#CC79A7' title 'interrupts'
unset multiplot
unset output
}
