# lock-hold: Lock holds by policy
# Draw again with: gnuplot lock-hold.gp (in this folder)
reset session
set encoding utf8
set datafile separator '\t'
font = 'DejaVu Sans,10'
heading = 'munmap of a large mapping while ps reads: Lock holds by policy'
set border 3 lc rgb '#555555' lw 1
set tics nomirror out scale 0.5 textcolor rgb '#333333'
set grid back lt 1 lc rgb '#e2e2e2' lw 1
set title textcolor rgb '#111111'
set xlabel textcolor rgb '#333333'
set ylabel textcolor rgb '#333333'
set key textcolor rgb '#222222'
do for [form in 'png svg'] {
if (form eq 'png') { set terminal pngcairo noenhanced size 1000,452 font font background rgb 'white' }
if (form eq 'svg') { set terminal svg noenhanced size 1000,452 dynamic font 'sans-serif,10' fontscale 1.25 background rgb 'white' }
set output 'lock-hold.'.form
set multiplot title heading font ',13' offset 0,-0.3 \
  layout 2,2 margins screen 0.2680,0.97,0.1770,0.8274 spacing screen 0.0300,0.2124
set logscale x
set yrange [0.4:3.6]
set ytics scale 0
set xlabel 'time held'
set title 'mmap_lock write'
set xrange [7559.375:1533910.93]
set xtics ('10 µs' 10000, '100 µs' 100000, '1 ms' 1000000)
set key at screen 0.535,0.0177 center bottom vertical maxrows 1 Left reverse noautotitle samplen 2 width 1 spacing 1.2 font ',10'
set format y
plot 'lock-hold.dat' index 0 using 2:1:($4-$2):(0):ytic(5) with vectors nohead lc rgb '#bdbdbd' lw 4 notitle, \
  '' index 0 using 2:1 with points pt 7 ps 1.1 lc rgb '#0072B2' title 'median', \
  '' index 0 using 3:1 with points pt 13 ps 1.4 lc rgb '#D55E00' title '99th percentile', \
  '' index 0 using 4:1 with points pt 5 ps 0.9 lc rgb '#222222' title 'longest'
set title 'mmap_lock read'
set xrange [1176.04167:12056.5333]
set xtics ('2 µs' 2000, '5 µs' 5000, '10 µs' 10000)
unset key
set format y ''
plot 'lock-hold.dat' index 1 using 2:1:($4-$2):(0):ytic('') with vectors nohead lc rgb '#bdbdbd' lw 4 notitle, \
  '' index 1 using 2:1 with points pt 7 ps 1.1 lc rgb '#0072B2' title 'median', \
  '' index 1 using 3:1 with points pt 13 ps 1.4 lc rgb '#D55E00' title '99th percentile', \
  '' index 1 using 4:1 with points pt 5 ps 0.9 lc rgb '#222222' title 'longest'
set title 'free_vmap_area_lock write'
set xrange [221.458333:1861.33333]
set xtics ('500 ns' 500, '1 µs' 1000)
unset key
set format y
plot 'lock-hold.dat' index 2 using 2:1:($4-$2):(0):ytic(5) with vectors nohead lc rgb '#bdbdbd' lw 4 notitle, \
  '' index 2 using 2:1 with points pt 7 ps 1.1 lc rgb '#0072B2' title 'median', \
  '' index 2 using 3:1 with points pt 13 ps 1.4 lc rgb '#D55E00' title '99th percentile', \
  '' index 2 using 4:1 with points pt 5 ps 0.9 lc rgb '#222222' title 'longest'
unset multiplot
unset output
}
