# cpu-time: CPU time by policy
# Draw again with: gnuplot cpu-time.gp (in this folder)
reset session
set encoding utf8
set datafile separator '\t'
font = 'DejaVu Sans,10'
heading = 'munmap of a large mapping while ps reads: CPU time by policy'
set border 3 lc rgb '#555555' lw 1
set tics nomirror out scale 0.5 textcolor rgb '#333333'
set grid back lt 1 lc rgb '#e2e2e2' lw 1
set title textcolor rgb '#111111'
set xlabel textcolor rgb '#333333'
set ylabel textcolor rgb '#333333'
set key textcolor rgb '#222222'
do for [form in 'png svg'] {
if (form eq 'png') { set terminal pngcairo noenhanced size 1000,258 font font background rgb 'white' }
if (form eq 'svg') { set terminal svg noenhanced size 1000,258 dynamic font 'sans-serif,10' fontscale 1.25 background rgb 'white' }
set output 'cpu-time.'.form
set lmargin at screen 0.2680
set rmargin at screen 0.97
set tmargin at screen 0.8295
set bmargin at screen 0.3411
set label 1 heading at screen 0.5,0.9225 center font ',13' tc rgb '#111111'
set key at screen 0.5,0.0310 center bottom vertical maxrows 1 Left reverse samplen 1.2 spacing 1.2 width 1 font ',10'
set yrange [0.4:3.6]
set xrange [0:23948493.1]
unset ytics
set ytics scale 0 font ',10'
set grid noytics
set style fill solid 1 border rgb 'white'
set xlabel 'CPU time, all CPUs together'
set xtics ('0' 0, '5 ms' 5000000, '10 ms' 10000000, '15 ms' 15000000, '20 ms' 20000000)
plot \
  'cpu-time.dat' index 0 using 2:1:2:3:($1-0.32):($1+0.32):ytic(5) with boxxyerror lw 0.6 fc rgb '#009E73' title 'user', \
  'cpu-time.dat' index 1 using 2:1:2:3:($1-0.32):($1+0.32):ytic(5) with boxxyerror lw 0.6 fc rgb '#0072B2' title 'system', \
  'cpu-time.dat' index 2 using 2:1:2:3:($1-0.32):($1+0.32):ytic(5) with boxxyerror lw 0.6 fc rgb '#D55E00' title 'spin', \
  'cpu-time.dat' index 3 using 2:1:2:3:($1-0.32):($1+0.32):ytic(5) with boxxyerror lw 0.6 fc rgb '#CC79A7' title 'irq', \
  'cpu-time.dat' index 4 using 2:1:2:3:($1-0.32):($1+0.32):ytic(5) with boxxyerror lw 0.6 fc rgb '#e4e4e4' title 'idle', \
  'cpu-time.dat' index 5 using 2:1:3 with labels left offset 0.6,0 font ',9' tc rgb '#444444' notitle
unset output
}
