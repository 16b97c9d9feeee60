# hold: Freed and not yet reusable, over time
# Draw again with: gnuplot hold.gp (in this folder)
reset session
set encoding utf8
set datafile separator '\t'
font = 'DejaVu Sans,10'
heading = 'munmap of a large mapping while ps reads: Freed and not yet reusable, over time'
set border 3 lc rgb '#555555' lw 1
set tics nomirror out scale 0.5 textcolor rgb '#333333'
set grid back lt 1 lc rgb '#e2e2e2' lw 1
set title textcolor rgb '#111111'
set xlabel textcolor rgb '#333333'
set ylabel textcolor rgb '#333333'
set key textcolor rgb '#222222'
do for [form in 'png svg'] {
if (form eq 'png') { set terminal pngcairo noenhanced size 1000,624 font font background rgb 'white' }
if (form eq 'svg') { set terminal svg noenhanced size 1000,624 dynamic font 'sans-serif,10' fontscale 1.25 background rgb 'white' }
set output 'hold.'.form
set multiplot title heading font ',13' offset 0,-0.3 \
  layout 2,1 margins screen 0.0900,0.97,0.1282,0.8750 spacing screen 0.1000,0.1538
set xlabel 'simulated time (triangle: the peak, between samples too)'
set title 'hold.page'
set xrange [0:390000000]
set yrange [0:6387793.92]
set xtics ('0' 0, '100 ms' 100000000, '200 ms' 200000000, '300 ms' 300000000, '400 ms' 400000000)
set ytics ('0' 0, '2 MiB' 2097152, '4 MiB' 4194304)
set key at screen 0.535,0.0128 center bottom vertical maxrows 1 Left reverse noautotitle samplen 2 width 1 spacing 1.2 font ',10'
plot \
  'hold.dat' index 0 using 1:2 with steps lc rgb '#222222' dt 1 lw 2.4 title 'linux-6.12, munmap exclusive', \
  'hold.dat' index 1 using 1:2 with steps lc rgb '#0072B2' dt 1 lw 2 title 'munmap=downgrade', \
  'hold.dat' index 2 using 1:2 with steps lc rgb '#D55E00' dt 1 lw 2 title 'mm_lock=per-vma, vma_free=rcu', \
  '' index 3 every ::0::0 using 1:2 with points lc rgb '#222222' dt 1 lw 2.4 pt 9 ps 1.2 notitle, \
  '' index 3 every ::1::1 using 1:2 with points lc rgb '#0072B2' dt 1 lw 2 pt 9 ps 1.2 notitle, \
  '' index 3 every ::2::2 using 1:2 with points lc rgb '#D55E00' dt 1 lw 2 pt 9 ps 1.2 notitle
set title 'hold_va.vmap (address space)'
set xrange [0:390000000]
set yrange [0:2760376.32]
set xtics ('0' 0, '100 ms' 100000000, '200 ms' 200000000, '300 ms' 300000000, '400 ms' 400000000)
set ytics ('0' 0, '512 KiB' 524288, '1 MiB' 1048576, '1.5 MiB' 1572864, '2 MiB' 2097152, '2.5 MiB' 2621440)
unset key
plot \
  'hold.dat' index 4 using 1:2 with steps lc rgb '#222222' dt 1 lw 2.4 title 'linux-6.12, munmap exclusive', \
  'hold.dat' index 5 using 1:2 with steps lc rgb '#0072B2' dt 1 lw 2 title 'munmap=downgrade', \
  'hold.dat' index 6 using 1:2 with steps lc rgb '#D55E00' dt 1 lw 2 title 'mm_lock=per-vma, vma_free=rcu', \
  '' index 7 every ::0::0 using 1:2 with points lc rgb '#222222' dt 1 lw 2.4 pt 9 ps 1.2 notitle, \
  '' index 7 every ::1::1 using 1:2 with points lc rgb '#0072B2' dt 1 lw 2 pt 9 ps 1.2 notitle, \
  '' index 7 every ::2::2 using 1:2 with points lc rgb '#D55E00' dt 1 lw 2 pt 9 ps 1.2 notitle
unset multiplot
unset output
}
