# change: Change against the baseline
# Draw again with: gnuplot change.gp (in this folder)
reset session
set encoding utf8
set datafile separator '\t'
font = 'DejaVu Sans,10'
heading = 'munmap of a large mapping while ps reads: Change against the baseline'
set border 3 lc rgb '#555555' lw 1
set tics nomirror out scale 0.5 textcolor rgb '#333333'
set grid back lt 1 lc rgb '#e2e2e2' lw 1
set title textcolor rgb '#111111'
set xlabel textcolor rgb '#333333'
set ylabel textcolor rgb '#333333'
set key textcolor rgb '#222222'
do for [form in 'png svg'] {
if (form eq 'png') { set terminal pngcairo noenhanced size 1000,584 font font background rgb 'white' }
if (form eq 'svg') { set terminal svg noenhanced size 1000,584 dynamic font 'sans-serif,10' fontscale 1.25 background rgb 'white' }
set output 'change.'.form
set multiplot title heading font ',13' offset 0,-0.3 \
  layout 3,2 margins screen 0.2680,0.97,0.1027,0.8664 spacing screen 0.0300,0.1644
set logscale x
set yrange [0.4:2.6]
set ytics scale 0
set arrow 1 from first 1, graph 0 to first 1, graph 1 nohead lc rgb '#222222' lw 1.2
set xlabel 'ratio to the baseline'
unset key
set title 'makespan'
set xrange [0.0987588708:3.1642893]
set xtics ('same' (1), '/10' (0.1), 'x2' (2), '/2' (0.5), '/5' (0.2))
set format y
plot 'change.dat' index 0 using 2:1:3:4:ytic(7) with xerrorbars pt 6 ps 1.1 lw 1.6 lc rgb '#0072B2' notitle, \
  '' index 0 using ($5==1?$2:1/0):1 with points pt 7 ps 1.1 lc rgb '#0072B2' notitle, \
  '' index 0 using (3.1642893):1:6 with labels right offset 0,0.55 font ',9' tc rgb '#444444' notitle
set title 'fault, 99th percentile'
set xrange [0.00098803868:15.8564858]
set xtics ('same' (1), 'x10' (10), '/10' (0.1), '/100' (0.01), '/1000' (0.001))
set format y ''
plot 'change.dat' index 1 using 2:1:3:4:ytic('') with xerrorbars pt 6 ps 1.1 lw 1.6 lc rgb '#0072B2' notitle, \
  '' index 1 using ($5==1?$2:1/0):1 with points pt 7 ps 1.1 lc rgb '#0072B2' notitle, \
  '' index 1 using (15.8564858):1:6 with labels right offset 0,0.55 font ',9' tc rgb '#444444' notitle
set title 'munmap, 99th percentile'
set xrange [0.430489941:3.61974968]
set xtics ('same' (1), 'x2' (2), '/2' (0.5))
set format y
plot 'change.dat' index 2 using 2:1:3:4:ytic(7) with xerrorbars pt 6 ps 1.1 lw 1.6 lc rgb '#0072B2' notitle, \
  '' index 2 using ($5==1?$2:1/0):1 with points pt 7 ps 1.1 lc rgb '#0072B2' notitle, \
  '' index 2 using (3.61974968):1:6 with labels right offset 0,0.55 font ',9' tc rgb '#444444' notitle
set title 'mmap, 99th percentile'
set xrange [0.00647118218:22.287364]
set xtics ('same' (1), 'x10' (10), '/10' (0.1), '/100' (0.01))
set format y ''
plot 'change.dat' index 3 using 2:1:3:4:ytic('') with xerrorbars pt 6 ps 1.1 lw 1.6 lc rgb '#0072B2' notitle, \
  '' index 3 using ($5==1?$2:1/0):1 with points pt 7 ps 1.1 lc rgb '#0072B2' notitle, \
  '' index 3 using (22.287364):1:6 with labels right offset 0,0.55 font ',9' tc rgb '#444444' notitle
set title 'mmap_lock write, waiting'
set xrange [0.533333333:8.7835093]
set xtics ('same' (1), 'x2' (2), 'x5' (5))
set format y
plot 'change.dat' index 4 using 2:1:3:4:ytic(7) with xerrorbars pt 6 ps 1.1 lw 1.6 lc rgb '#0072B2' notitle, \
  '' index 4 using ($5==1?$2:1/0):1 with points pt 7 ps 1.1 lc rgb '#0072B2' notitle, \
  '' index 4 using (8.7835093):1:6 with labels right offset 0,0.55 font ',9' tc rgb '#444444' notitle
set title 'mmap_lock read, waiting'
set xrange [0.000666666667:20.665811]
set xtics ('same' (1), 'x10' (10), '/10' (0.1), '/100' (0.01), '/1000' (0.001))
set format y ''
plot 'change.dat' index 5 using 2:1:3:4:ytic('') with xerrorbars pt 6 ps 1.1 lw 1.6 lc rgb '#0072B2' notitle, \
  '' index 5 using ($5==1?$2:1/0):1 with points pt 7 ps 1.1 lc rgb '#0072B2' notitle, \
  '' index 5 using (20.665811):1:6 with labels right offset 0,0.55 font ',9' tc rgb '#444444' notitle
unset multiplot
unset output
}
