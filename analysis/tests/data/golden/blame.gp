# blame: Who waited behind whom, on any lock
# Draw again with: gnuplot blame.gp (in this folder)
reset session
set encoding utf8
set datafile separator '\t'
font = 'DejaVu Sans,10'
heading = 'munmap of a large mapping while ps reads: Who waited behind whom, on any lock'
set border 3 lc rgb '#555555' lw 1
set tics nomirror out scale 0.5 textcolor rgb '#333333'
set grid back lt 1 lc rgb '#e2e2e2' lw 1
set title textcolor rgb '#111111'
set xlabel textcolor rgb '#333333'
set ylabel textcolor rgb '#333333'
set key textcolor rgb '#222222'
do for [form in 'png svg'] {
if (form eq 'png') { set terminal pngcairo noenhanced size 1000,564 font font background rgb 'white' }
if (form eq 'svg') { set terminal svg noenhanced size 1000,564 dynamic font 'sans-serif,10' fontscale 1.25 background rgb 'white' }
set output 'blame.'.form
set multiplot title heading font ',13' offset 0,-0.3 \
  layout 2,2 margins screen 0.1500,0.97,0.1170,0.8617 spacing screen 0.0300,0.1809
set xrange [0.5:2.5]
set yrange [0.5:4.5]
unset grid
set border 0
set tics scale 0
set xlabel 'behind'
unset key
set xtics norotate center
set style fill solid 1 border rgb 'white'
set title 'linux-6.12, munmap exclusive'
set ylabel 'waited'
plot 'blame.dat' index 0 using 1:2:($1-0.5):($1+0.5):($2-0.5):($2+0.5):4:xtic(8):ytic(7) with boxxyerror fc rgb variable lw 1, \
  '' index 0 using 1:2:6:5 with labels font ',9' tc rgb variable
set title 'munmap=downgrade'
set ylabel ''
plot 'blame.dat' index 1 using 1:2:($1-0.5):($1+0.5):($2-0.5):($2+0.5):4:xtic(8):ytic('') with boxxyerror fc rgb variable lw 1, \
  '' index 1 using 1:2:6:5 with labels font ',9' tc rgb variable
set title 'mm_lock=per-vma, vma_free=rcu'
set ylabel 'waited'
plot 'blame.dat' index 2 using 1:2:($1-0.5):($1+0.5):($2-0.5):($2+0.5):4:xtic(8):ytic(7) with boxxyerror fc rgb variable lw 1, \
  '' index 2 using 1:2:6:5 with labels font ',9' tc rgb variable
unset multiplot
unset output
}
