# reference: Predicted against measured
# Draw again with: gnuplot reference.gp (in this folder)
reset session
set encoding utf8
set datafile separator '\t'
font = 'DejaVu Sans,10'
heading = 'munmap of a large mapping while ps reads: Predicted against measured'
set border 3 lc rgb '#555555' lw 1
set tics nomirror out scale 0.5 textcolor rgb '#333333'
set grid back lt 1 lc rgb '#e2e2e2' lw 1
set title textcolor rgb '#111111'
set xlabel textcolor rgb '#333333'
set ylabel textcolor rgb '#333333'
set key textcolor rgb '#222222'
do for [form in 'png svg'] {
if (form eq 'png') { set terminal pngcairo noenhanced size 1000,300 font font background rgb 'white' }
if (form eq 'svg') { set terminal svg noenhanced size 1000,300 dynamic font 'sans-serif,10' fontscale 1.25 background rgb 'white' }
set output 'reference.'.form
set multiplot title heading font ',13' offset 0,-0.3 \
  layout 1,1 margins screen 0.1790,0.97,0.2667,0.7400 spacing screen 0.0000,0.3200
set key at screen 0.535,0.0267 center bottom vertical maxrows 1 Left reverse noautotitle samplen 2 width 1 spacing 1.2 font ',10'
set logscale x
set xrange [0.155805411:1.58537456]
set yrange [0.4:3.6]
set ytics scale 0
set xlabel 'predicted / recorded (band: spread of the recorded value)'
set style fill solid 1 noborder
set arrow 1 from first 1, graph 0 to first 1, graph 1 nohead lc rgb '#222222' lw 1.2
set xtics ('same' (1), '/2' (0.5), '/5' (0.2))
plot 'reference.dat' index 0 using (1):1:($3<$2?1-$3/$2:0.01):(1+$3/$2):($1-0.3):($1+0.3):ytic(4) with boxxyerror fc rgb '#dddddd' notitle, \
  '' index 1 using ($2/$3):1 with points pt 7 ps 1.2 lc rgb '#222222' dt 1 lw 2.4 title 'linux-6.12, munmap exclusive', \
  '' index 2 using ($2/$3):1 with points pt 5 ps 1.2 lc rgb '#0072B2' dt 1 lw 2 title 'munmap=downgrade', \
  '' index 3 using ($2/$3):1 with points pt 13 ps 1.2 lc rgb '#D55E00' dt 1 lw 2 title 'mm_lock=per-vma, vma_free=rcu'
unset multiplot
unset output
}
