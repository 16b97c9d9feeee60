# lock-wait: Lock waits by policy
# Draw again with: gnuplot lock-wait.gp (in this folder)
reset session
set encoding utf8
set datafile separator '\t'
font = 'DejaVu Sans,10'
heading = 'munmap of a large mapping while ps reads: Lock waits by policy'
set border 3 lc rgb '#555555' lw 1
set tics nomirror out scale 0.5 textcolor rgb '#333333'
set grid back lt 1 lc rgb '#e2e2e2' lw 1
set title textcolor rgb '#111111'
set xlabel textcolor rgb '#333333'
set ylabel textcolor rgb '#333333'
set key textcolor rgb '#222222'
do for [form in 'png svg'] {
if (form eq 'png') { set terminal pngcairo noenhanced size 1000,298 font font background rgb 'white' }
if (form eq 'svg') { set terminal svg noenhanced size 1000,298 dynamic font 'sans-serif,10' fontscale 1.25 background rgb 'white' }
set output 'lock-wait.'.form
set lmargin at screen 0.2680
set rmargin at screen 0.97
set tmargin at screen 0.8523
set bmargin at screen 0.4295
set label 1 heading at screen 0.5,0.9329 center font ',13' tc rgb '#111111'
set key at screen 0.5,0.0268 center bottom vertical maxrows 3 Left reverse samplen 1.2 spacing 1.2 width 1 font ',10'
set yrange [0.4:3.6]
set xrange [0:952120.767]
unset ytics
set ytics scale 0 font ',10'
set grid noytics
set style fill solid 1 border rgb 'white'
set xlabel 'time waited, all tasks together'
set xtics ('0' 0, '200 µs' 200000, '400 µs' 400000, '600 µs' 600000, '800 µs' 800000)
plot \
  'lock-wait.dat' index 0 using 2:1:2:3:($1-0.32):($1+0.32):ytic(5) with boxxyerror lw 0.6 fc rgb '#0072B2' title 'mmap_lock write, spinning', \
  'lock-wait.dat' index 1 using 2:1:2:3:($1-0.32):($1+0.32):ytic(5) with boxxyerror lw 0.6 fc rgb '#9fc8e0' title 'mmap_lock write, sleeping', \
  'lock-wait.dat' index 2 using 2:1:2:3:($1-0.32):($1+0.32):ytic(5) with boxxyerror lw 0.6 fc rgb '#D55E00' title 'mmap_lock read, spinning', \
  'lock-wait.dat' index 3 using 2:1:2:3:($1-0.32):($1+0.32):ytic(5) with boxxyerror lw 0.6 fc rgb '#f0bd98' title 'mmap_lock read, sleeping', \
  'lock-wait.dat' index 4 using 2:1:2:3:($1-0.32):($1+0.32):ytic(5) with boxxyerror lw 0.6 fc rgb '#009E73' title 'free_vmap_area_lock write, spinning', \
  'lock-wait.dat' index 5 using 2:1:2:3:($1-0.32):($1+0.32):ytic(5) with boxxyerror lw 0.6 fc rgb '#99d8c4' title 'free_vmap_area_lock write, sleeping', \
  'lock-wait.dat' index 6 using 2:1:3 with labels left offset 0.6,0 font ',9' tc rgb '#444444' notitle
unset output
}
