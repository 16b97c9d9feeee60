# effect: Effect of policies, predicted against published
# Draw again with: gnuplot effect.gp (in this folder)
reset session
set encoding utf8
set datafile separator '\t'
font = 'DejaVu Sans,10'
heading = 'munmap of a large mapping while ps reads: Effect of policies, predicted against published'
set border 3 lc rgb '#555555' lw 1
set tics nomirror out scale 0.5 textcolor rgb '#333333'
set grid back lt 1 lc rgb '#e2e2e2' lw 1
set title textcolor rgb '#111111'
set xlabel textcolor rgb '#333333'
set ylabel textcolor rgb '#333333'
set key textcolor rgb '#222222'
do for [form in 'png svg'] {
if (form eq 'png') { set terminal pngcairo noenhanced size 1000,752 font font background rgb 'white' }
if (form eq 'svg') { set terminal svg noenhanced size 1000,752 dynamic font 'sans-serif,10' fontscale 1.25 background rgb 'white' }
set output 'effect.'.form
set multiplot title heading font ',13' offset 0,-0.3 \
  layout 1,1 margins screen 0.1100,0.97,0.1064,0.8963 spacing screen 0.0000,0.1277
set key at screen 0.535,0.0106 center bottom vertical maxrows 1 Left reverse noautotitle samplen 2 width 1 spacing 1.2 font ',10'
r = 1.265
set xrange [-r:r]
set yrange [-r:r]
set xlabel 'published effect of the policy'
set ylabel 'predicted effect'
set xtics ('same' log(1), 'x2' log(2), '/2' log(0.5))
set ytics ('same' log(1), 'x2' log(2), '/2' log(0.5))
plot x with lines lc rgb '#222222' lw 1.4 title 'as published', \
  0 with lines dt 2 lc rgb '#888888' lw 1.4 title 'nothing changes', \
  'effect.dat' index 0 using 1:2 with points pt 7 ps 1.1 lc rgb '#0072B2' title 'per-VMA locks', \
  'effect.dat' index 1 using 1:2 with points pt 7 ps 1.1 lc rgb '#D55E00' title 'munmap downgrade'
unset multiplot
unset output
}
