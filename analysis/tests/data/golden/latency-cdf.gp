# latency-cdf: Latency distribution by op
# Draw again with: gnuplot latency-cdf.gp (in this folder)
reset session
set encoding utf8
set datafile separator '\t'
font = 'DejaVu Sans,10'
heading = 'munmap of a large mapping while ps reads: Latency distribution by op'
set border 3 lc rgb '#555555' lw 1
set tics nomirror out scale 0.5 textcolor rgb '#333333'
set grid back lt 1 lc rgb '#e2e2e2' lw 1
set title textcolor rgb '#111111'
set xlabel textcolor rgb '#333333'
set ylabel textcolor rgb '#333333'
set key textcolor rgb '#222222'
do for [form in 'png svg'] {
if (form eq 'png') { set terminal pngcairo noenhanced size 1000,664 font font background rgb 'white' }
if (form eq 'svg') { set terminal svg noenhanced size 1000,664 dynamic font 'sans-serif,10' fontscale 1.25 background rgb 'white' }
set output 'latency-cdf.'.form
set multiplot title heading font ',13' offset 0,-0.3 \
  layout 2,2 margins screen 0.1000,0.97,0.1205,0.8825 spacing screen 0.1100,0.1446
set logscale xy
set ytics ('0 %%' 1, '50 %%' 2, '90 %%' 10, '99 %%' 100, '99.9 %%' 1000, '99.99 %%' 10000, '99.999 %%' 100000)
set mxtics 10
set xlabel 'latency'
set ylabel 'ops that took less'
set title 'fault'
set xrange [268:6776421]
set yrange [1:136]
set xtics ('1 µs' 1000, '10 µs' 10000, '100 µs' 100000, '1 ms' 1000000)
set key at screen 0.535,0.0120 center bottom vertical maxrows 1 Left reverse noautotitle samplen 2 width 1 spacing 1.2 font ',10'
plot \
  'latency-cdf.dat' index 0 using ($1<1?1:$1):($5/($5-$4)) with lines lc rgb '#222222' dt 1 lw 2.4 title 'linux-6.12, munmap exclusive', \
  'latency-cdf.dat' index 1 using ($1<1?1:$1):($5/($5-$4)) with lines lc rgb '#0072B2' dt 1 lw 2 title 'munmap=downgrade', \
  'latency-cdf.dat' index 2 using ($1<1?1:$1):($5/($5-$4)) with lines lc rgb '#D55E00' dt 1 lw 2 title 'mm_lock=per-vma, vma_free=rcu'
set title 'munmap'
set xrange [81920:1495858]
set yrange [1:14]
set xtics ('100 µs' 100000, '200 µs' 200000, '500 µs' 500000, '1 ms' 1000000)
unset key
plot \
  'latency-cdf.dat' index 3 using ($1<1?1:$1):($5/($5-$4)) with lines lc rgb '#222222' dt 1 lw 2.4 title 'linux-6.12, munmap exclusive', \
  'latency-cdf.dat' index 4 using ($1<1?1:$1):($5/($5-$4)) with lines lc rgb '#0072B2' dt 1 lw 2 title 'munmap=downgrade', \
  'latency-cdf.dat' index 5 using ($1<1?1:$1):($5/($5-$4)) with lines lc rgb '#D55E00' dt 1 lw 2 title 'mm_lock=per-vma, vma_free=rcu'
set title 'mmap'
set xrange [544:2018508]
set yrange [1:23]
set xtics ('1 µs' 1000, '10 µs' 10000, '100 µs' 100000, '1 ms' 1000000)
unset key
plot \
  'latency-cdf.dat' index 6 using ($1<1?1:$1):($5/($5-$4)) with lines lc rgb '#222222' dt 1 lw 2.4 title 'linux-6.12, munmap exclusive', \
  'latency-cdf.dat' index 7 using ($1<1?1:$1):($5/($5-$4)) with lines lc rgb '#0072B2' dt 1 lw 2 title 'munmap=downgrade', \
  'latency-cdf.dat' index 8 using ($1<1?1:$1):($5/($5-$4)) with lines lc rgb '#D55E00' dt 1 lw 2 title 'mm_lock=per-vma, vma_free=rcu'
set title 'proc-read-cmdline'
set xrange [4288:36044]
set yrange [1:5]
set xtics ('5 µs' 5000, '10 µs' 10000, '20 µs' 20000)
unset key
plot \
  'latency-cdf.dat' index 9 using ($1<1?1:$1):($5/($5-$4)) with lines lc rgb '#222222' dt 1 lw 2.4 title 'linux-6.12, munmap exclusive', \
  'latency-cdf.dat' index 10 using ($1<1?1:$1):($5/($5-$4)) with lines lc rgb '#0072B2' dt 1 lw 2 title 'munmap=downgrade', \
  'latency-cdf.dat' index 11 using ($1<1?1:$1):($5/($5-$4)) with lines lc rgb '#D55E00' dt 1 lw 2 title 'mm_lock=per-vma, vma_free=rcu'
unset multiplot
unset output
}
